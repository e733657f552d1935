'use strict';
'require view';
'require ui';
'require poll';
'require gatehouse.model as model';

const POOLS = 'Device.DHCPv4.Server.Pool.';
const PENDING = 'Device.DHCPv4.Server.X_GATEHOUSE_Pending.';

/* TR-181: a time that never comes, and one that is not known. */
function time(text) {
	if (!text || text.startsWith('0001-'))
		return '';

	return text.startsWith('9999-') ? _('for ever') : new Date(text).toLocaleString();
}

return view.extend({
	load() {
		return model.get([ POOLS, PENDING ]);
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

	button(title, work, style) {
		return E('button', {
			'class': `btn cbi-button ${style || ''}`,
			'click': ui.createHandlerFn(this, 'act', work)
		}, [ title ]);
	},

	table(titles, rows) {
		return E('table', { 'class': 'table cbi-section-table' }, [
			E('tr', { 'class': 'tr table-titles' },
				titles.map((title) => E('th', { 'class': 'th' }, [ title ]))),
			...rows.map(({ path, cells }) => E('tr', { 'class': 'tr', 'data-path': path },
				cells.map((cell) => E('td', { 'class': 'td left' }, Array.isArray(cell) ? cell : [ cell || '' ]))))
		]);
	},

	section(title, empty, titles, rows) {
		return E('div', { 'class': 'cbi-section' }, [
			E('h3', {}, [ title ]),
			rows.length > 0 ? this.table(titles, rows) : E('p', {}, [ E('em', {}, [ empty ]) ])
		]);
	},

	/* One row for each address on loan. */
	leases(values) {
		return model.table(values, POOLS).flatMap((pool) =>
			model.table(values, `${pool.path}Client.`).flatMap(({ path, values: of }) =>
				model.table(values, `${path}IPv4Address.`).map(({ values: address }) =>
					this.lease(pool, path, of, address))));
	},

	lease(pool, path, of, address) {
		const active = of.get('Active') === '1';
		const fixed = of.get('X_GATEHOUSE_Static') === '1';
		const fix = () => model.add(`${pool.path}StaticAddress.`, {
			Enable: '1', Chaddr: of.get('Chaddr'), Yiaddr: address.get('IPAddress')
		});

		return {
			path,
			cells: [
				of.get('X_GATEHOUSE_HostName'),
				address.get('IPAddress'),
				of.get('Chaddr'),
				active ? time(address.get('LeaseTimeRemaining')) : _('over'),
				pool.values.get('Alias') || pool.path,
				fixed ? [ _('always this address') ] : active ? [
					this.button(_('Always this address'), fix),
					' ',
					this.button(_('End the lease'), () => model.operate(`${path}X_GATEHOUSE_Release()`))
				] : ''
			]
		};
	},

	waiting(values) {
		return model.table(values, PENDING).map(({ path, values: of }) => ({
			path,
			cells: [
				of.get('HostName'),
				of.get('Chaddr'),
				of.get('VendorClassID'),
				time(of.get('FirstSeen')),
				[
					this.button(_('Approve'), () => model.operate(`${path}Approve()`), 'cbi-button-action'),
					' ',
					this.button(_('Refuse'), () => model.operate(`${path}Refuse()`), 'cbi-button-negative')
				]
			]
		}));
	},

	content(values) {
		return [
			this.section(_('Waiting for approval'), _('Nobody waits.'),
				[ _('Name'), _('MAC address'), _('Vendor class'), _('Since'), '' ], this.waiting(values)),
			this.section(_('Leases'), _('No address is on loan.'),
				[ _('Name'), _('Address'), _('MAC address'), _('Until'), _('Pool'), '' ], this.leases(values))
		];
	},

	render(values) {
		this.body = E('div', {}, this.content(values));
		poll.add(() => this.refresh(), 5);

		return E('div', { 'class': 'cbi-map' }, [ E('h2', {}, [ _('Devices') ]), this.body ]);
	},

	handleSave: null,
	handleSaveApply: null,
	handleReset: null
});
