'use strict';
'require view';
'require ui';
'require gatehouse.model as model';

const START = 'Device.DeviceInfo.';

return view.extend({
	load() {
		return this.read(START);
	},

	read(path) {
		return Promise.all([ model.get([ path ]), model.writable(path) ]);
	},

	show(path) {
		return this.read(path)
			.then((answer) => this.body.replaceChildren(...this.content(answer)))
			.catch((error) => this.body.replaceChildren(
				E('p', { 'class': 'alert-message error' }, [ error.message ])));
	},

	write(path, field) {
		return model.set(path, field.value)
			.then(() => this.show(this.path.value))
			.catch((error) => ui.addNotification(null, E('p', {}, [ error.message ]), 'error'));
	},

	content([ values, writable ]) {
		return [ E('table', { 'class': 'table' }, [
			E('tr', { 'class': 'tr table-titles' }, [
				E('th', { 'class': 'th' }, [ _('Parameter') ]),
				E('th', { 'class': 'th' }, [ _('Value') ])
			]),
			...[ ...values ].map(([ path, { value } ]) => this.row(path, value, writable))
		]) ];
	},

	row(path, value, writable) {
		const cells = [ value ];

		if (writable.has(model.generic(path))) {
			const field = E('input', { 'class': 'cbi-input-text', 'type': 'text', 'aria-label': path });

			/* As a property: an attribute would be the value before it was edited. */
			field.value = value;
			cells[0] = field;
			cells.push(' ', E('button', {
				'class': 'btn cbi-button cbi-button-save',
				'click': ui.createHandlerFn(this, 'write', path, field)
			}, [ _('Save') ]));
		}

		return E('tr', { 'class': 'tr', 'data-path': path }, [
			E('td', { 'class': 'td left' }, [ path ]),
			E('td', { 'class': 'td left' }, cells)
		]);
	},

	render(answer) {
		this.path = E('input', { 'class': 'cbi-input-text', 'type': 'text', 'size': 60, 'aria-label': _('Path') });
		this.path.value = START;
		this.body = E('div', { 'class': 'cbi-section' }, this.content(answer));

		return E('div', { 'class': 'cbi-map' }, [
			E('h2', {}, [ _('Data model') ]),
			E('p', {}, [ _('A path of TR-181: one parameter, an object, or either with * for every row.') ]),
			E('div', { 'class': 'cbi-section' }, [
				this.path, ' ',
				E('button', {
					'class': 'btn cbi-button cbi-button-action',
					'click': ui.createHandlerFn(this, () => this.show(this.path.value))
				}, [ _('Read') ])
			]),
			this.body
		]);
	},

	handleSave: null,
	handleSaveApply: null,
	handleReset: null
});
