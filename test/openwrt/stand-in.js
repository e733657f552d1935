/*
 * What LuCI gives a view in the browser, as small as the views need it, with its traps kept: E()
 * takes a bare string for markup, an array's items for text, null in an array for the text "null".
 * Runs in the page; `ubusCall(object, method, args)` is bound by the test.
 */
window.luci = (() => {
  const isNode = (value) => value instanceof Node;

  const append = (node, children) => {
    if (Array.isArray(children)) {
      for (const child of children) {
        node.appendChild(isNode(child) ? child : document.createTextNode(`${child}`));
      }
    } else if (isNode(children)) node.appendChild(children);
    else if (children !== null && children !== undefined) node.innerHTML = `${children}`;
    return node;
  };

  const E = (tag, attributes, children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes ?? {})) {
      if (value === null || value === undefined) continue;
      if (typeof value === 'function') node.addEventListener(name, value);
      else node.setAttribute(name, typeof value === 'object' ? JSON.stringify(value) : value);
    }
    return append(node, children);
  };

  const baseclass = {
    extend: (properties) =>
      class {
        constructor() {
          Object.assign(this, properties);
        }
      },
  };

  const rpc = {
    declare:
      ({ object, method, params = [], expect, reject = false }) =>
      async (...given) => {
        const args = {};
        for (const [i, name] of params.entries()) {
          if (given[i] !== undefined) args[name] = given[i];
        }
        // As uhttpd does it.
        args.ubus_rpc_session = '0'.repeat(32);
        const { status, data } = await window.ubusCall(object, method, args);
        if (status !== 0) {
          if (reject)
            throw new Error(`RPC call to ${object}/${method} failed with ubus code ${status}`);
          return expect === undefined ? status : Object.values(expect)[0];
        }
        return data;
      },
  };

  const notes = document.body.appendChild(E('div', { id: 'notifications' }, []));
  const ui = {
    addNotification: (title, children, ...classes) =>
      notes.appendChild(
        E('div', { class: `alert-message ${classes.join(' ')}` }, [
          ...(title ? [E('h4', {}, title)] : []),
          children,
        ]),
      ),
    createHandlerFn: (context, run, ...args) => {
      const handler = typeof run === 'string' ? context[run] : run;
      return (event) => {
        const button = event.currentTarget;
        button.disabled = true;
        return Promise.resolve(handler.call(context, ...args, event)).finally(() => {
          button.disabled = false;
        });
      };
    },
  };

  const polled = [];
  const poll = { add: (run, seconds) => void polled.push({ run, seconds }) };
  const known = { baseclass, rpc, ui, poll, view: baseclass };
  const L = { env: {} };
  const _ = (text) => text;

  /** A module by its name with dots; its source comes from the test. */
  const load = async (name) => {
    if (name in known) return known[name];
    const source = await window.sourceOf(name);
    const wanted = [...source.matchAll(/^'require ([\w.]+)(?: as (\w+))?';$/gm)];
    const names = wanted.map(([, full, as]) => as ?? full.replaceAll('.', '_'));
    const values = [];
    for (const [, full] of wanted) values.push(await load(full));
    const make = new Function('window', 'document', 'L', 'E', '_', ...names, source);
    const Made = make(window, document, L, E, _, ...values);
    known[name] = new Made();
    return known[name];
  };

  return {
    polled,
    show: async (name) => {
      const view = await load(name);
      const shown = await view.render(await view.load());
      document.getElementById('view')?.remove();
      document.body.appendChild(append(E('div', { id: 'view' }, []), shown));
      return ['handleSave', 'handleSaveApply', 'handleReset'].map((key) => view[key]);
    },
  };
})();
