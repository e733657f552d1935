'use strict';
'require view';
'require ui';
'require poll';
'require gatehouse.model as model';

const CLIENTS = 'Device.DHCPv4.Client.';

return view.extend({
	load() {
		return model.get([ CLIENTS ]);
	},

	/* Runs what a button asks for; what is refused is said, as text. */
	act(work) {
		return work()
			.catch((error) => ui.addNotification(null, E('p', {}, [ error.message ]), 'error'))
			.then(() => this.refresh());
	},

	refresh() {
		return this.load().then((values) => this.body.replaceChildren(...this.content(values)));
	},

	content(values) {
		const clients = model.table(values, CLIENTS);

		if (clients.length === 0)
			return [ E('p', {}, [ E('em', {}, [ _('No DHCP client is configured.') ]) ]) ];

		return clients.map(({ path, values: of }) => this.client(path, of, values));
	},

	client(path, of, values) {
		const enabled = of.get('Enable') === '1';
		const lines = [
			[ _('Status'), of.get('Status') ],
			[ _('State'), of.get('DHCPStatus') ],
			[ _('Address'), of.get('IPAddress') ],
			[ _('Netmask'), of.get('SubnetMask') ],
			[ _('Routers'), of.get('IPRouters') ],
			[ _('Name servers'), of.get('DNSServers') ],
			[ _('Server'), of.get('DHCPServer') ],
			[ _('Remaining lease time'), model.duration(of.get('LeaseTimeRemaining')) ]
		];

		model.table(values, `${path}ReqOption.`).forEach(({ values: option }) => {
			if (option.get('Value'))
				lines.push([ `${_('Option')} ${option.get('Tag')}`, option.get('Value') ]);
		});

		return E('div', { 'class': 'cbi-section', 'data-path': path }, [
			E('h3', {}, [ of.get('Alias') || path ]),
			E('table', { 'class': 'table' }, lines.map(([ title, value ]) =>
				E('tr', { 'class': 'tr' }, [
					E('td', { 'class': 'td left', 'width': '33%' }, [ title ]),
					E('td', { 'class': 'td left' }, [ value || '' ])
				]))),
			E('div', { 'class': 'cbi-page-actions' }, [
				E('button', {
					'class': 'btn cbi-button cbi-button-action',
					'click': ui.createHandlerFn(this, 'act', () => model.operate(`${path}Renew()`))
				}, [ _('Renew') ]),
				' ',
				E('button', {
					'class': 'btn cbi-button',
					'click': ui.createHandlerFn(this, 'act', () => model.set(`${path}Enable`, enabled ? '0' : '1'))
				}, [ enabled ? _('Disable') : _('Enable') ])
			])
		]);
	},

	render(values) {
		this.body = E('div', {}, this.content(values));
		poll.add(() => this.refresh(), 5);

		return E('div', { 'class': 'cbi-map' }, [ E('h2', {}, [ _('DHCP clients') ]), this.body ]);
	},

	handleSave: null,
	handleSaveApply: null,
	handleReset: null
});
