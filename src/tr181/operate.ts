/** Commands: arguments are checked like parameters, then the command of the table runs. */
import { errorMessage } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { Fault, Notice, OperateDone, Origin } from './model.ts';
import { parsePath } from './paths.ts';
import type { RowReader } from './reader.ts';
import { badPath, type Resolver, unknownName } from './resolve.ts';
import { nearest } from './suggest.ts';
import type { ArgumentDef, CommandDef, ServiceCalls } from './table.ts';
import { baseOf, canonical, emptyValue } from './types.ts';
import type { Audit } from './writer.ts';

export interface OperateDeps {
  readonly resolver: Resolver;
  readonly rows: RowReader;
  readonly calls: ServiceCalls;
  readonly revision: number;
  readonly zeroCounters: (object: string) => void;
  readonly audit: Audit;
  readonly log: Log;
}

export async function operate(
  deps: OperateDeps,
  text: string,
  input: Readonly<Record<string, string>>,
  origin: Origin,
  signal: AbortSignal,
): Promise<Result<OperateDone, Fault>> {
  const found = findCommand(deps.resolver, text);
  if (!found.ok) return found;
  const { object, name, command } = found.value;
  const path = `${object}${name}()`;
  const args = checkArguments(path, command.input ?? {}, input);
  if (!args.ok) return args;
  if (signal.aborted) return err(aborted(path));
  const ran = await run(deps, command, {
    object,
    args: args.value,
    signal,
    rows: deps.rows,
    calls: deps.calls,
    zeroCounters: () => deps.zeroCounters(object),
  });
  const given = Object.entries(args.value)
    .filter(([, value]) => value !== '')
    .map(([argument, value]) => `${argument}=${value}`);
  await deps.audit([
    {
      origin,
      op: 'operate',
      path,
      old: undefined,
      new: given.length === 0 ? undefined : given.join(', '),
      revision: deps.revision,
      outcome: ran.ok ? 'done' : 'failed',
    },
  ]);
  if (!ran.ok) {
    return err(
      signal.aborted
        ? aborted(path)
        : { kind: 'commandFailed', path, message: `${path} failed: ${ran.error}` },
    );
  }
  const specs = command.output ?? {};
  const output = Object.entries(specs)
    .filter(([argument]) => !argument.includes('{i}'))
    .map(([argument, spec]) => ({
      name: argument,
      value: ran.value[argument] ?? emptyValue(spec),
      type: baseOf(spec.type),
    }));
  for (const [argument, value] of Object.entries(ran.value)) {
    const spec = specs[argument.replace(/\.\d+\./, '.{i}.')];
    if (spec === undefined || Object.hasOwn(specs, argument)) continue;
    output.push({ name: argument, value, type: baseOf(spec.type) });
  }
  return ok({ output });
}

async function run(
  deps: OperateDeps,
  command: CommandDef,
  context: Parameters<CommandDef['run']>[0],
): Promise<Result<Readonly<Record<string, string>>, string>> {
  try {
    return await command.run(context);
  } catch (cause) {
    // A bug in a command must neither take the daemon down nor look like success.
    deps.log.error({ err: cause, object: context.object }, 'a command of the data model threw');
    return err(errorMessage(cause));
  }
}

function findCommand(
  resolver: Resolver,
  text: string,
): Result<{ object: string; name: string; command: CommandDef }, Fault> {
  const path = parsePath(text);
  if (!path.ok) return err(badPath(text, path.error.message));
  if (path.value.ends !== 'command') {
    return err(badPath(text, 'a command ends in (), such as Device.DHCPv4.Client.1.Renew()'));
  }
  const targets = resolver.resolvePath(path.value, text);
  if (!targets.ok) return targets;
  const [target, second] = targets.value;
  if (target === undefined || second !== undefined || target.isTable) {
    return err(badPath(text, 'it must name exactly one object'));
  }
  const last = path.value.segments.at(-1);
  const name = last?.kind === 'name' ? last.name : '';
  const command = Object.hasOwn(target.node.commands, name)
    ? target.node.commands[name]
    : undefined;
  return command === undefined
    ? err(unknownName(target.node, target.object, name, 'command', text))
    : ok({ object: target.object, name, command });
}

/** The notice of an event, with canonical arguments. */
export function findEvent(
  resolver: Resolver,
  text: string,
  given: Readonly<Record<string, string>>,
): Result<Notice, Fault> {
  const path = parsePath(text);
  if (!path.ok) return err(badPath(text, path.error.message));
  if (path.value.ends !== 'event' || !path.value.concrete) {
    return err(badPath(text, 'an event is one path that ends in !'));
  }
  const targets = resolver.resolvePath(path.value, text);
  if (!targets.ok) return targets;
  const [target] = targets.value;
  const last = path.value.segments.at(-1);
  const name = last?.kind === 'name' ? last.name : '';
  if (target === undefined || target.isTable || !Object.hasOwn(target.node.events, name)) {
    return err(
      target === undefined
        ? badPath(text, 'it names nothing')
        : unknownName(target.node, target.object, name, 'event', text),
    );
  }
  const args = checkArguments(text, target.node.events[name]?.args ?? {}, given);
  return args.ok ? ok({ kind: 'event', path: text, args: args.value }) : args;
}

function checkArguments(
  path: string,
  specs: Readonly<Record<string, ArgumentDef>>,
  given: Readonly<Record<string, string>>,
): Result<Readonly<Record<string, string>>, Fault> {
  const bad = (message: string): Result<never, Fault> =>
    err({ kind: 'badArguments', path, message: `${path}: ${message}` });
  const args: Record<string, string> = {};
  for (const [name, text] of Object.entries(given)) {
    const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
    if (spec === undefined) {
      const near = nearest(name, Object.keys(specs));
      return bad(`no argument ${name}${near === undefined ? '' : `; did you mean ${near}?`}`);
    }
    const value = canonical(spec, text);
    if (!value.ok) return bad(`${name}: ${value.error.message}`);
    args[name] = value.value;
  }
  for (const [name, spec] of Object.entries(specs)) {
    if (args[name] !== undefined) continue;
    if (spec.mandatory === true) return bad(`argument ${name} is needed`);
    args[name] = spec.default ?? emptyValue(spec);
  }
  return ok(args);
}

const aborted = (path: string): Fault => ({
  kind: 'aborted',
  path,
  message: `${path} was called off`,
});
