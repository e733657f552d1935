/** Theme, contrast and language: choices of this browser. */
import { useId } from 'preact/hooks';
import type { Key } from '../i18n/en.ts';
import { useApp, useT } from '../state/app.ts';

export function LanguagePicker() {
  const { preferences } = useApp();
  const t = useT();
  const id = useId();
  return (
    <div class="field inline">
      <label for={id}>{t('appearance.language')}</label>
      <select
        id={id}
        value={preferences.language.value}
        onChange={(event) => {
          preferences.language.value = event.currentTarget.value === 'de' ? 'de' : 'en';
        }}
      >
        <option value="en" lang="en">
          English
        </option>
        <option value="de" lang="de">
          Deutsch
        </option>
      </select>
    </div>
  );
}

export function AppearanceForm() {
  const { preferences } = useApp();
  const t = useT();
  return (
    <div class="stack">
      <Choices
        legend={t('appearance.theme')}
        options={(['auto', 'light', 'dark'] as const).map((value) => [
          value,
          t(`theme.${value}` as Key),
        ])}
        value={preferences.theme.value}
        onChoose={(value) => {
          preferences.theme.value = value;
        }}
      />
      <Choices
        legend={t('appearance.contrast')}
        options={(['auto', 'more'] as const).map((value) => [value, t(`contrast.${value}` as Key)])}
        value={preferences.contrast.value}
        onChoose={(value) => {
          preferences.contrast.value = value;
        }}
      />
      <LanguagePicker />
    </div>
  );
}

function Choices<T extends string>(props: {
  legend: string;
  options: readonly (readonly [T, string])[];
  value: T;
  onChoose: (value: T) => void;
}) {
  const id = useId();
  return (
    <fieldset class="choices">
      <legend>{props.legend}</legend>
      {props.options.map(([value, text]) => (
        <label key={value} class="check">
          <input
            type="radio"
            name={id}
            value={value}
            checked={props.value === value}
            onChange={() => props.onChoose(value)}
          />
          {text}
        </label>
      ))}
    </fieldset>
  );
}
