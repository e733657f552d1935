'use strict';
'require view';
'require rpc';
'require poll';
'require gatehouse.model as model';

const callStatus = rpc.declare({ object: 'gatehouse', method: 'status' });
const callPage = rpc.declare({ object: 'gatehouse.http', method: 'status' });
const callConfig = rpc.declare({ object: 'gatehouse.config', method: 'status' });

const INTERFACES = 'Device.IP.Interface.';
const CLIENTS = 'Device.DHCPv4.Client.';

/* Where the box serves its own page; the address in the browser's bar first. */
function ownPage(answer) {
	const listening = (answer && answer.data && answer.data.listening) || [];
	const pages = listening.filter((url) => /^https:\/\/[0-9A-Za-z.:[\]-]+$/.test(url));
	const near = pages.find((url) => new URL(url).hostname === window.location.hostname);

	return near || pages.find((url) => !/^https:\/\/(127\.|\[::1\])/.test(url));
}

function sentence(interfaces, clients) {
	const wan = interfaces.find(({ values }) => values.get('X_GATEHOUSE_Zone') === 'Wan');

	if (wan == null)
		return _('No interface is for the WAN.');

	const client = clients.find(({ values }) =>
		`${values.get('Interface')}.` === wan.path && values.get('Enable') === '1');

	if (client == null)
		return wan.values.get('Status') === 'Up' ? _('The WAN is up.') : _('The WAN is down.');

	return client.values.get('DHCPStatus') === 'Bound'
		? `${_('Online with address')} ${client.values.get('IPAddress')}`
		: _('Waiting for an address of the provider.');
}

return view.extend({
	load() {
		return Promise.all([
			callStatus(), callPage(), callConfig(), model.get([ INTERFACES, CLIENTS ])
		]);
	},

	content([ status, page, config, values ]) {
		const interfaces = model.table(values, INTERFACES);
		const clients = model.table(values, CLIENTS);
		const pending = config && config.data && config.data.pending;
		const own = ownPage(page);
		const parts = [ E('p', { 'class': 'gatehouse-sentence' }, [ sentence(interfaces, clients) ]) ];

		if (pending)
			parts.push(E('p', { 'class': 'alert-message warning' }, [
				_('A change waits to be confirmed, and is undone otherwise, in seconds:'), ' ',
				String(Math.ceil(pending.remainingMs / 1000))
			]));

		parts.push(this.table([ _('Interface'), _('Zone'), _('Device'), _('Status'), _('Addresses') ],
			interfaces.map(({ path, values: of }) => [
				of.get('Alias'), of.get('X_GATEHOUSE_Zone'), of.get('Name'), of.get('Status'),
				model.table(values, `${path}IPv4Address.`).map((row) => row.values.get('IPAddress'))
					.filter((address) => address).join(', ')
			])));

		parts.push(E('p', {}, [
			_('Version'), ' ', String((status && status.version) || ''), ', ',
			_('running for'), ' ', model.duration(String((status && status.uptimeSec) || 0)), ', ',
			_('configuration'), ' ', String((status && status.revision) || '')
		]));

		if (own)
			parts.push(E('a', { 'class': 'btn cbi-button', 'href': own }, [ _('Open the page of Gatehouse') ]));

		return parts;
	},

	table(titles, lines) {
		return E('table', { 'class': 'table' }, [
			E('tr', { 'class': 'tr table-titles' }, titles.map((title) => E('th', { 'class': 'th' }, [ title ]))),
			...lines.map((cells) => E('tr', { 'class': 'tr' },
				cells.map((cell) => E('td', { 'class': 'td' }, [ cell || '' ]))))
		]);
	},

	render(answers) {
		const body = E('div', { 'class': 'cbi-section' }, this.content(answers));

		poll.add(() => this.load().then((fresh) => body.replaceChildren(...this.content(fresh))), 5);

		return E('div', { 'class': 'cbi-map' }, [ E('h2', {}, [ _('Gatehouse') ]), body ]);
	},

	handleSave: null,
	handleSaveApply: null,
	handleReset: null
});
