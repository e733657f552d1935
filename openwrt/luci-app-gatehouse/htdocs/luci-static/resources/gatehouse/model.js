'use strict';
'require baseclass';
'require rpc';

/*
 * The TR-181 data model over ubus, for all views. Rows of `bbfdm` carry either a value or a fault.
 * E() takes a bare string for markup: whatever comes from the box goes in as an item of an array,
 * which makes it text.
 */

const RAW = { format: 'raw', proto: 'usp' };

const callGet = rpc.declare({
	object: 'bbfdm', method: 'get', params: [ 'paths', 'optional' ], reject: true
});
const callSchema = rpc.declare({
	object: 'bbfdm', method: 'schema', params: [ 'path', 'optional' ], reject: true
});
const callSet = rpc.declare({
	object: 'bbfdm', method: 'set', params: [ 'path', 'value', 'optional' ], reject: true
});
const callAdd = rpc.declare({
	object: 'bbfdm', method: 'add', params: [ 'path', 'obj_path', 'optional' ], reject: true
});
const callOperate = rpc.declare({
	object: 'bbfdm', method: 'operate', params: [ 'command', 'optional' ], reject: true
});

/* The rows of an answer, or an Error that says all that was refused. */
function rows(answer) {
	const all = (answer && answer.results) || [];
	const faults = all.filter((row) => row.fault);

	if (faults.length > 0)
		throw new Error(faults.map((row) => row.fault_msg || row.path).join('\n'));

	return all;
}

return baseclass.extend({
	/* Map of path to { value, type }. */
	get(paths) {
		return callGet(paths, RAW).then((answer) =>
			new Map(rows(answer).map((row) => [ row.path, { value: row.data || '', type: row.type } ])));
	},

	/* Generic paths ({i} for numbers) of parameters that may be written. */
	writable(path) {
		return callSchema(path, RAW).then((answer) =>
			new Set(rows(answer).filter((row) => row.data === '1').map((row) => row.path)));
	},

	set(path, value) {
		return callSet(path, value, RAW).then(rows);
	},

	/* `values` by the names of the parameters. */
	add(table, values) {
		return callAdd(table, values, RAW).then(rows);
	},

	operate(command) {
		return callOperate(command, RAW).then(rows);
	},

	generic(path) {
		return path.replace(/\.\d+(?=\.)/g, '.{i}');
	},

	/* Values of the rows of a table: [ { path, values: Map of name to value } ]. */
	table(all, table) {
		const found = new Map();

		all.forEach(({ value }, path) => {
			const [ number, name, more ] = path.startsWith(table) ? path.slice(table.length).split('.') : [];

			if (name == null || more != null)
				return;

			const row = `${table}${number}.`;

			if (!found.has(row))
				found.set(row, new Map());

			found.get(row).set(name, value);
		});

		return [ ...found ].map(([ path, values ]) => ({ path, values }));
	},

	/* TR-181 seconds; -1 is for ever. */
	duration(text) {
		const sec = Number(text);

		if (text === '' || text == null || !Number.isFinite(sec))
			return '';

		if (sec < 0)
			return _('for ever');

		const days = Math.floor(sec / 86400), hours = Math.floor(sec / 3600) % 24;
		const minutes = Math.floor(sec / 60) % 60;

		if (days > 0)
			return `${days} d ${hours} h`;

		return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${sec % 60} s`;
	}
});
