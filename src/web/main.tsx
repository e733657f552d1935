/** Where the page starts. */
import { render } from 'preact';
import 'uplot/dist/uPlot.min.css';
import './style/tokens.css';
import './style/base.css';
import './style/parts.css';
import './style/places.css';
import { Root } from './root.tsx';
import { App, AppProvider } from './state/app.ts';
import { loadPreferences } from './state/preferences.ts';

const app = new App(loadPreferences());
app.start();
const root = document.getElementById('app');
if (root !== null) {
  render(
    <AppProvider value={app}>
      <Root />
    </AppProvider>,
    root,
  );
}
