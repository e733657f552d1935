/** Accounts: what the model refuses, what is kept of a password, and who gets in. */
import fc from 'fast-check';
import t from 'tap';
import { formatPhc, parsePhc } from '../../src/base/phc.ts';
import { PASSWORD_COST, RowAccounts } from '../../src/control/accounts.ts';
import { loadNative } from '../../src/os/linux/native.ts';
import { LinuxSecrets } from '../../src/os/linux/secrets.ts';
import { layDownInitial } from '../../src/tr181/initial.ts';
import { passwordFault } from '../../src/tr181/objects/users.ts';
import { type Bench, bench, kinds, messages, ORIGIN, router } from '../tr181/fixture.ts';

const USERS = 'Device.Users.User.';
const GOOD = 'three words here';
const ADMIN = {
  Enable: 'true',
  Username: 'admin',
  Password: GOOD,
  X_GATEHOUSE_Role: 'Administrator',
};

const accountsOf = ({ rows, model }: Bench): RowAccounts =>
  new RowAccounts({ rows, model, secrets: new LinuxSecrets() });

async function withAdmin(): Promise<Bench> {
  const b = await router();
  const added = await b.model.add(USERS, ADMIN, ORIGIN);
  if (!added.ok) throw new Error(messages(added.error));
  return b;
}

t.test('a password is stored as a hash, and shown nowhere', async (t) => {
  const b = await withAdmin();
  const stored = b.rows.values(`${USERS}1.`)?.get('Password') ?? '';
  const phc = parsePhc(stored);
  t.ok(phc.ok && phc.value.memoryKib === PASSWORD_COST.memoryKib && phc.value.passes === 2);
  t.equal(b.get(`${USERS}1.Password`), '');
  t.equal(b.get(`${USERS}[Password==""].Username`), 'admin', 'nor does a search tell');
  const [entry] = b.audit.filter(({ path }) => path.endsWith('Password'));
  t.match(entry, { old: undefined, new: undefined });
  t.notOk(JSON.stringify(b.audit).includes(GOOD));
  t.equal(await b.set(`${USERS}*.Password`, 'another good one'), 'done', 'by any path');
  t.not(b.rows.values(`${USERS}1.`)?.get('Password'), stored);
});

t.test('weak passwords are refused with a reason, and a hash is no password', async (t) => {
  const b = await withAdmin();
  const short = await b.model.set([{ path: `${USERS}1.Password`, value: 'tooshort' }], ORIGIN);
  t.match(short.ok || messages(short.error), /a password has 10 to 128 characters/);
  t.equal(await b.set(`${USERS}1.Password`, ''), 'conflict');
  t.equal(await b.set(`${USERS}1.Password`, 'a'.repeat(129)), 'outOfRange');
  for (const known of [
    'administrator',
    'Password123456',
    'adminadmin1',
    '1234567890',
    '9876543210',
    'aaaaaaaaaaaa',
    'abababababab',
    'QWERTZUIOP',
    'Change-Me-1234',
  ]) {
    t.match(passwordFault(known), /among the first/, known);
  }
  t.equal(passwordFault('gatekeepers of the north'), undefined);
  t.equal(passwordFault('päßwörter zählen'), undefined);
  // Whoever has a stolen hash cannot log in with it, nor put one in place.
  const stored = b.rows.values(`${USERS}1.`)?.get('Password') ?? '';
  t.equal(await b.set(`${USERS}1.Password`, stored), 'done');
  t.not(b.rows.values(`${USERS}1.`)?.get('Password'), stored, 'it was hashed like any text');
  const many = Array.from({ length: 9 }, (_, i) => ({
    path: `${USERS}1.Password`,
    value: `number ${i} of nine`,
  }));
  const refused = await b.model.set(many, ORIGIN);
  t.equal(refused.ok || kinds(refused.error), 'resources');
});

t.test('names: unique, of one case, without surprises', async (t) => {
  const b = await withAdmin();
  const add = async (values: Record<string, string>): Promise<string> => {
    const done = await b.model.add(USERS, { ...ADMIN, ...values }, ORIGIN);
    return done.ok ? 'done' : kinds(done.error);
  };
  t.equal(await add({}), 'notUnique');
  t.equal(await add({ Username: '' }), 'conflict');
  for (const bad of ['Admin', '1st', 'a b', '<b>', 'x'.repeat(65)]) {
    t.equal(await add({ Username: bad }), 'outOfRange', bad);
  }
  t.equal(await add({ Username: 'ann@example.net', X_GATEHOUSE_Role: 'Viewer' }), 'done');
  t.equal(await add({ Username: 'bob', X_GATEHOUSE_Role: 'Root' }), 'outOfRange');
});

t.test('the last enabled administrator stays', async (t) => {
  const b = await router();
  const first = await b.model.add(USERS, { ...ADMIN, X_GATEHOUSE_Role: 'Viewer' }, ORIGIN);
  t.match(first.ok || messages(first.error), /there must be an enabled administrator/);
  await b.model.add(USERS, ADMIN, ORIGIN);
  const id = b.get('Device.Users.User.*.Alias') === 'cpe-1' ? 1 : 0;
  t.equal(id, 1, 'a refused row costs no number');
  const del = await b.model.del([`${USERS}1.`], ORIGIN);
  t.equal(del.ok || kinds(del.error), 'conflict');
  t.equal(await b.set(`${USERS}1.Enable`, 'false'), 'conflict');
  t.equal(await b.set(`${USERS}1.X_GATEHOUSE_Role`, 'Viewer'), 'conflict');
  await b.model.add(USERS, { ...ADMIN, Username: 'second' }, ORIGIN);
  t.equal(await b.set(`${USERS}1.Enable`, 'false'), 'done', 'with another one it may go');
  t.equal(await b.set(`${USERS}2.Enable`, 'false'), 'conflict');
  t.ok((await b.model.del([`${USERS}1.`], ORIGIN)).ok);
  const rest = await b.restart().model.del([`${USERS}2.`], ORIGIN);
  t.equal(rest.ok || kinds(rest.error), 'conflict', 'after a restart, too');
});

t.test('who gets in', async (t) => {
  const empty = await router();
  t.notOk(accountsOf(empty).any());
  t.equal(await accountsOf(empty).verify('admin', GOOD), undefined);
  const b = await withAdmin();
  const accounts = accountsOf(b);
  t.ok(accounts.any());
  t.same(await accounts.verify('admin', GOOD), { name: 'admin', role: 'Administrator' });
  t.equal(await accounts.verify('admin', `${GOOD} `), undefined);
  t.equal(await accounts.verify('nobody', GOOD), undefined);
  t.equal(await accounts.verify('', ''), undefined);
  await b.model.add(USERS, { Enable: 'false', Username: 'ann', Password: 'café au lait' }, ORIGIN);
  t.equal(await accounts.verify('ann', 'café au lait'), undefined, 'disabled');
  await b.set(`${USERS}2.Enable`, 'true');
  const decomposed = 'café au lait'.normalize('NFD');
  t.same(await accounts.verify('ann', decomposed), { name: 'ann', role: 'Viewer' });
  t.same(accounts.find('ann'), { name: 'ann', role: 'Viewer' });
  const verifying = accounts.verify('ann', 'café au lait');
  await b.set(`${USERS}2.Enable`, 'false');
  t.equal(await verifying, undefined, 'disabled while the password was being checked');
});

t.test('unknown names cost what known ones do', async (t) => {
  const b = await withAdmin();
  const asked: unknown[] = [];
  const real = new LinuxSecrets();
  const secrets = {
    randomBytes: real.randomBytes,
    equal: real.equal,
    seal: real.seal,
    open: real.open,
    cryptMatches: (...args: Parameters<LinuxSecrets['cryptMatches']>) => real.cryptMatches(...args),
    argon2id: (...args: Parameters<LinuxSecrets['argon2id']>) => {
      asked.push({ ...args[2], length: args[3], salt: args[1].byteLength });
      return real.argon2id(...args);
    },
  };
  const accounts = new RowAccounts({ rows: b.rows, model: b.model, secrets });
  await accounts.verify('admin', 'wrong password');
  await accounts.verify('nobody', 'wrong password');
  t.equal(asked.length, 2);
  t.same(asked[0], asked[1]);
});

/** GOOD, hashed by other tools: sha256crypt, sha512crypt and yescrypt of crypt(5). */
const FOREIGN = [
  '$5$abcdefghij$jHERxYfHbVjbwQXCRXlCBsLAEiUISIL.xsvMwjU24E6',
  '$6$abcdefgh$f9LPJ/wqBklh5wU/pgNl9r7WstsyWUPP1fgev6JbvAcbDi852t3jw3BhooOWzN6.mAvo4AZau.Ph.kVoOci2//',
  '$y$j9T$F5Jx5fExrKuPp53xLKQ..1$esEizOTWKaXElM/6vhy7tPBZyqAa8EAxc8ifADYYdY1',
];

t.test(
  'a first password that another tool hashed gets our own hash at the first log-in',
  async (t) => {
    for (const passwordHash of FOREIGN) {
      const b = bench();
      const laid = await layDownInitial(b.model, {
        ...{ wan: 'eth0', lan: ['eth1'], overrides: {} },
        account: { username: 'pi', passwordHash },
      });
      if (!laid.ok) throw new Error(messages(laid.error));
      const kept = () => b.rows.values(`${USERS}1.`)?.get('Password') ?? '';
      t.equal(kept(), passwordHash);
      t.equal(b.get(`${USERS}1.Password`), '', 'nor is this one shown');
      const secrets = new LinuxSecrets(loadNative());
      const accounts = new RowAccounts({ rows: b.rows, model: b.model, secrets });
      t.ok(accounts.any());
      t.equal(await accounts.verify('pi', 'three words'), undefined);
      t.equal(await accounts.verify('pi', `${GOOD}\0`), undefined);
      t.equal(kept(), passwordHash, 'a wrong one changes nothing');
      t.same(await accounts.verify('pi', GOOD), { name: 'pi', role: 'Administrator' });
      t.ok(parsePhc(kept()).ok, 'argon2id from now on');
      t.ok(await accounts.verify('pi', GOOD));
      t.equal(await accounts.verify('pi', 'three words'), undefined);
      t.notOk(JSON.stringify(b.audit).includes(passwordHash));
    }
  },
);

t.test('where the system cannot check such a hash nobody gets in', async (t) => {
  const b = bench();
  const [passwordHash = ''] = FOREIGN;
  await layDownInitial(b.model, {
    ...{ wan: 'eth0', lan: ['eth1'], overrides: {} },
    account: { username: 'pi', passwordHash },
  });
  t.equal(await accountsOf(b).verify('pi', GOOD), undefined);
});

t.test('a hash that a request brings is a password like any other text', async (t) => {
  const b = await withAdmin();
  const [, hash = ''] = FOREIGN;
  await b.set(`${USERS}1.Password`, hash);
  const accounts = new RowAccounts({ ...b, secrets: new LinuxSecrets(loadNative()) });
  t.equal(await accounts.verify('admin', GOOD), undefined);
  t.ok(await accounts.verify('admin', hash));
});

t.test('changing a password', async (t) => {
  const b = await withAdmin();
  const accounts = accountsOf(b);
  const weak = await accounts.changePassword('admin', 'short', ORIGIN);
  t.equal(weak.ok || kinds(weak.error), 'outOfRange');
  t.ok((await accounts.changePassword('admin', 'quite another one', ORIGIN)).ok);
  t.equal(await accounts.verify('admin', GOOD), undefined);
  t.ok(await accounts.verify('admin', 'quite another one'));
  const nobody = await accounts.changePassword('nobody', 'quite another one', ORIGIN);
  t.equal(nobody.ok || kinds(nobody.error), 'unknownPath');
});

t.test('hashing leaves the loop free, and a storm is turned away', async (t) => {
  const secrets = new LinuxSecrets();
  const salt = secrets.randomBytes(16);
  let turns = 0;
  let busy = true;
  const turn = (): void => {
    turns += 1;
    if (busy) setImmediate(turn);
  };
  setImmediate(turn);
  const cheap = { memoryKib: 64, passes: 1, lanes: 1 };
  const one = await secrets.argon2id(new Uint8Array(4), salt, PASSWORD_COST, 32);
  busy = false;
  t.ok(one.ok && turns > 1, 'the loop turned meanwhile');
  const all = await Promise.all(
    Array.from({ length: 20 }, () => secrets.argon2id(new Uint8Array(4), salt, cheap, 32)),
  );
  t.equal(all.filter((each) => each.ok).length, 16);
  t.ok(all.slice(16).every((each) => !each.ok && each.error.code === 'EBUSY'));
  t.ok((await secrets.argon2id(new Uint8Array(4), salt, cheap, 32)).ok, 'and goes on');
});

t.test('argon2id is the one of RFC 9106, in the form that others write', async (t) => {
  // Made by the reference implementation: echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1
  const known =
    '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
  const phc = parsePhc(known);
  if (!phc.ok) throw new Error(phc.error.message);
  const { salt, hash, ...cost } = phc.value;
  const derived = await new LinuxSecrets().argon2id(Buffer.from('password'), salt, cost, 32);
  t.ok(derived.ok && Buffer.from(derived.value).equals(hash));
  t.equal(formatPhc(phc.value), known);
});

t.test('the text of a hash: round trip, and what is refused', async (t) => {
  const bytes = fc.uint8Array({ minLength: 8, maxLength: 64 });
  fc.assert(
    fc.property(
      fc.integer({ min: 64, max: 262_144 }),
      fc.integer({ min: 1, max: 16 }),
      fc.integer({ min: 1, max: 8 }),
      bytes,
      bytes,
      (memoryKib, passes, lanes, salt, hash) => {
        const value = { memoryKib, passes, lanes, salt, hash };
        const parsed = parsePhc(formatPhc(value));
        return parsed.ok && formatPhc(parsed.value) === formatPhc(value);
      },
    ),
    { seed: 1 },
  );
  const good = formatPhc({
    ...PASSWORD_COST,
    salt: new Uint8Array(16),
    hash: new Uint8Array(32),
  });
  for (let end = 0; end < good.length; end++) {
    const cut = parsePhc(good.slice(0, end));
    t.ok(!cut.ok || cut.value.hash.byteLength < 32, `cut at ${end}`);
  }
  for (const [from, to] of [
    ['v=19', 'v=16'],
    ['m=19456', 'm=9999999'],
    ['m=19456', 'm=019456'],
    ['t=2', 't=99'],
    ['p=1', 'p=0'],
    ['argon2id', 'argon2i'],
  ] as const) {
    t.notOk(parsePhc(good.replace(from, to)).ok, `${from} → ${to}`);
  }
});
