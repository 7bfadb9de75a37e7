'use strict';
// The checks that each Node client library runs, and what its adapter must offer: scenario.py in JavaScript. A check
// has the same name and meaning in both; see there for what is printed.
//
// An adapter (<library>/checks.js) extends `Session` with the library's own calls and hands the class to `main`.

const WAIT_MS = 15000;

// See scenario.py.
const SLOT = process.env.AMIPLEX_CLIENTS_SLOT || '1';
const SINGLE = SLOT === '1' ? 'single' : 'alone';
const CERTIFICATE = process.env.AMIPLEX_CLIENTS_CERTIFICATE;

// Headers whose value differs from run to run, lower case.
const VOLATILE = new Set(['timestamp', 'duration', 'bridgeid', 'logintime']);

class Refused extends Error {}
class Failed extends Error {}

function expect(condition, text) {
  if (!condition) throw new Failed(text);
}

// Settles like `promise`, or fails after WAIT_MS.
function within(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Failed(`${what} was not seen in ${WAIT_MS / 1000} s`)), WAIT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// The headers of what a library made of a message, with lower-case names; its methods and bookkeeping left out.
function headersOf(message, leftOut = []) {
  return Object.fromEntries(Object.keys(message)
    .filter((name) => typeof message[name] !== 'function' && !leftOut.includes(name))
    .map((name) => [name.toLowerCase(), message[name]]));
}

// One logged-in connection of the library under test.
class Session {
  constructor() {
    this.events = [];
    this.waiting = [];
    this.issued = new Set();
    this.isClosed = false;
  }

  // What an adapter provides: `static connect(host, port, user, secret)`, which resolves to a session or throws
  // Refused, and these two.

  // Sends one action; resolves to [ActionID, reply].
  async action(_name, _headers) { throw new Error('the adapter lacks action'); }

  // Sends a list action; resolves to [reply, items with the completing event as the last].
  async list(name, headers = {}) {
    const [id, reply] = await this.action(name, headers);
    if (reply.response !== 'Success') return [reply, []];
    await this.wait('the end of the list', (event) => event.actionid === id && event.eventlist === 'Complete');
    return [reply, this.find({ actionid: id })];
  }

  // Replies to [name, headers] pairs; without waiting in between, where the library can do that.
  async many(actions) {
    const replies = await Promise.all(actions.map(([name, headers]) => this.action(name, headers)));
    return replies.map(([, reply]) => reply);
  }

  async logoff() {
    const [, reply] = await this.action('Logoff', {});
    return reply;
  }

  // What an adapter calls.

  saw(event) {
    this.events.push(event);
    this.settle();
  }

  sawClose() {
    this.isClosed = true;
    this.settle();
  }

  settle() {
    this.waiting = this.waiting.filter(({ ready, resolve }) => {
      const value = ready();
      if (value) resolve(value);
      return !value;
    });
  }

  // What the checks call.

  until(what, ready) {
    const value = ready();
    if (value) return Promise.resolve(value);
    return within(what, new Promise((resolve) => this.waiting.push({ ready, resolve })));
  }

  wait(what, predicate) {
    return this.until(what, () => this.events.find(predicate));
  }

  waitClosed() {
    return this.until('the end of the connection', () => this.isClosed);
  }

  find(headers) {
    return this.events.filter((event) => Object.keys(headers).every((name) => event[name] === headers[name]));
  }

  // Originates; resolves to [reply, OriginateResponse].
  async call(channel) {
    const [id, reply] = await this.action('Originate',
      { Channel: channel, Context: 'caller', Exten: 's', Priority: '1', Async: 'true' });
    const answered = await this.wait('OriginateResponse',
      (event) => event.event === 'OriginateResponse' && event.actionid === id);
    return [reply, answered];
  }

  // `value` without what differs from run to run.
  plain(value, senders = []) {
    if (Array.isArray(value)) return value.map((part) => this.plain(part, senders));
    if (value && typeof value === 'object') {
      return Object.fromEntries(Object.keys(value).sort()
        .map((name) => [name, this.plainHeader(name, value[name], senders)]));
    }
    if (typeof value !== 'string') return value;
    return value.replace(/\bpbx\d-\d+\.\d+/g, 'UNIQUE').replace(/-[0-9a-f]{8}(?=;|\b)/g, '-N');
  }

  plainHeader(name, value, senders) {
    if (VOLATILE.has(name)) return '*';
    // The sender first: ids that are times may be the same in two sessions.
    if (name === 'actionid' && senders.includes(value)) return 'id of the sender';
    if (name === 'actionid' && this.issued.has(value)) return 'own id';
    return this.plain(value, senders);
  }
}

// One entry per check, run in this order. `at` holds connect(user, secret) and the session of `admin`.
const CHECKS = {
  async login(at) {
    at.admin = await at.connect('admin', 'adminpw');
    return 'accepted';
  },

  login_with_wrong_secret: (at) => refusal(at, 'admin', 'not the secret'),
  login_of_unknown_account: (at) => refusal(at, 'nobody', 'adminpw'),
  login_from_wrong_address: (at) => refusal(at, 'aclonly', 'aclpw'),

  async login_twice_where_once_is_allowed(at) {
    const first = await at.connect(SINGLE, 'singlepw');
    const second = await refusal(at, SINGLE, 'singlepw');
    await first.logoff();
    await first.waitClosed();
    return second;
  },

  async ping({ admin }) {
    const [, reply] = await admin.action('Ping', {});
    expect(reply.ping === 'Pong', `no Pong: ${JSON.stringify(reply)}`);
    return admin.plain(reply);
  },

  async list_of_queue({ admin }) {
    const [reply, items] = await admin.list('QueueStatus', { Queue: 'support' });
    const names = items.map((item) => item.event).join(' ');
    expect(names === 'QueueParams QueueMember QueueMember QueueStatusComplete', `items ${names}`);
    expect(items.at(-1).listitems === '3', `ListItems ${items.at(-1).listitems}`);
    return admin.plain([reply, ...items]);
  },

  async list_of_endpoints({ admin }) {
    const [reply, items] = await admin.list('PJSIPShowEndpoints');
    expect(items.length === 2 && items[1].listitems === '1', `items ${JSON.stringify(items)}`);
    return admin.plain([reply, ...items]);
  },

  async list_that_is_refused({ admin }) {
    const [, reply] = await admin.action('ConfbridgeListRooms', {});
    expect(reply.response === 'Error', `reply ${JSON.stringify(reply)}`);
    return admin.plain(reply);
  },

  async list_of_channels({ admin }) {
    const [, { channel }] = await admin.call('Local/101@tests/n');
    const [reply, items] = await admin.list('CoreShowChannels');
    const [, hangup] = await admin.action('Hangup', { Channel: channel });
    await admin.wait('Hangup', (event) => event.event === 'Hangup' && event.channel === channel);
    expect(items.at(-1).listitems === String(items.length - 1), `ListItems ${items.at(-1).listitems}`);
    const own = items.filter((item) => item.channel === channel);
    expect(own.length === 1, `${channel} is ${own.length} times in the list`);
    return admin.plain([reply, own[0], items.at(-1).event, hangup]);
  },

  async command({ admin }) {
    const [, reply] = await admin.action('Command', { Command: 'dialplan show caller' });
    expect(reply.response === 'Success', `reply ${JSON.stringify(reply)}`);
    return admin.plain(reply);
  },

  async command_that_fails({ admin }) {
    const [, reply] = await admin.action('Command', { Command: 'no such command' });
    expect(reply.response === 'Error', `reply ${JSON.stringify(reply)}`);
    return admin.plain(reply);
  },

  async variable({ admin }) {
    const name = `CLIENTS${SLOT}`;
    const [, written] = await admin.action('Setvar', { Variable: name, Value: 'a: b, c=d' });
    const [, read] = await admin.action('Getvar', { Variable: name });
    expect(read.value === 'a: b, c=d', `read ${JSON.stringify(read)}`);
    const [, removed] = await admin.action('Setvar', { Variable: name, Value: '' });
    return admin.plain([written, read, removed]);
  },

  async many_actions_at_once({ admin }) {
    const names = Array.from({ length: 16 }, (_, number) => `CLIENTS${SLOT}_${number}`);
    await admin.many(names.map((name) => ['Setvar', { Variable: name, Value: `of ${name}` }]));
    const replies = await admin.many(names.map((name) => ['Getvar', { Variable: name }]));
    await admin.many(names.map((name) => ['Setvar', { Variable: name, Value: '' }]));
    names.forEach((name, place) => expect(replies[place].value === `of ${name}`, `${name} has ${replies[place].value}`));
    return admin.plain(replies);
  },

  async database({ admin }) {
    const Family = `clients${SLOT}`;
    const [, written] = await admin.action('DBPut', { Family, Key: 'k', Val: 'value of k' });
    const [reply, items] = await admin.list('DBGet', { Family, Key: 'k' });
    expect(items.length > 0 && items[0].val === 'value of k', `read ${JSON.stringify(items)}`);
    const [, removed] = await admin.action('DBDel', { Family, Key: 'k' });
    const [, missing] = await admin.action('DBDel', { Family, Key: 'k' });
    expect(missing.response === 'Error', `removed twice: ${JSON.stringify(missing)}`);
    // Some libraries take the first item for the whole list; what they show as an event of its own does not count.
    return admin.plain([written, reply, items[0], removed, missing]);
  },

  async configuration_file({ admin }) {
    const [, reply] = await admin.action('GetConfig', { Filename: 'sample.conf' });
    expect(reply.response === 'Success', `reply ${JSON.stringify(reply)}`);
    return admin.plain(reply);
  },

  async call_that_is_answered({ admin }) {
    const [reply, answered] = await admin.call('Local/call-1@tests/n');
    expect(answered.response === 'Success', `OriginateResponse ${JSON.stringify(answered)}`);
    const linkedid = answered.uniqueid;
    const hangups = await admin.until("the call's four Hangup events", () => {
      const found = admin.find({ event: 'Hangup', linkedid });
      return found.length === 4 && found;
    });
    const count = (event) => admin.find({ event, linkedid }).length;
    const counted = Object.fromEntries(['Newchannel', 'NewConnectedLine', 'BridgeEnter', 'BridgeLeave', 'Hangup']
      .map((event) => [event, count(event)]));
    const dial = admin.find({ event: 'DialEnd', destlinkedid: linkedid });
    return admin.plain([reply, answered, counted, dial, hangups.map((event) => event.cause).sort()]);
  },

  async call_that_is_busy({ admin }) {
    const [reply, busy] = await admin.call('Local/busy@callee/n');
    expect(busy.response === 'Failure', `OriginateResponse ${JSON.stringify(busy)}`);
    return admin.plain([reply, busy]);
  },

  async call_that_is_waited_for({ admin }) {
    const request = { Context: 'caller', Exten: 's', Priority: '1', Async: 'false' };
    const [, answered] = await admin.action('Originate', { Channel: 'Local/100@tests/n', ...request });
    const [, busy] = await admin.action('Originate', { Channel: 'Local/busy@callee/n', ...request });
    expect(answered.response === 'Success' && busy.response === 'Error',
      `replies ${JSON.stringify([answered, busy])}`);
    return admin.plain([answered, busy]);
  },

  async hangup_of_unknown_channel({ admin }) {
    const [, reply] = await admin.action('Hangup', { Channel: 'Local/none@tests-ffffffff;1' });
    expect(reply.message === 'No such channel', `reply ${JSON.stringify(reply)}`);
    return admin.plain(reply);
  },

  async unknown_action({ admin }) {
    const [, reply] = await admin.action('NoSuchAction', { Header: 'value' });
    expect(reply.response === 'Error', `reply ${JSON.stringify(reply)}`);
    return admin.plain(reply);
  },

  async user_event({ admin }) {
    const [id, reply] = await admin.action('UserEvent', { UserEvent: 'FromClient', Text: 'one: two' });
    const event = await admin.wait('the UserEvent',
      (seen) => seen.userevent === 'FromClient' && seen.actionid === id);
    return admin.plain([reply, event]);
  },

  async user_event_of_another_session({ admin, connect }) {
    const UserEvent = `ForOthers${SLOT}`;
    const other = await connect('agent', 'agentpw');
    const [id] = await admin.action('UserEvent', { UserEvent, Text: 'three' });
    const event = await other.wait('the UserEvent', (seen) => seen.userevent === UserEvent);
    await other.logoff();
    return other.plain(event, [id]);
  },

  async events_switched_off_and_on({ admin, connect }) {
    const UserEvent = `Switched${SLOT}`;
    const agent = await connect('agent', 'agentpw');
    const [, off] = await agent.action('Events', { EventMask: 'off' });
    await agent.action('UserEvent', { UserEvent, Text: 'off' });
    await admin.wait('the UserEvent', (seen) => seen.userevent === UserEvent);
    await agent.action('Ping', {});
    expect(agent.find({ userevent: UserEvent }).length === 0, 'an event was delivered with events off');
    const [, on] = await agent.action('Events', { EventMask: 'on' });
    await agent.action('UserEvent', { UserEvent, Text: 'on' });
    const event = await agent.wait('the UserEvent', (seen) => seen.userevent === UserEvent);
    await agent.logoff();
    return agent.plain([off, on, event]);
  },

  async queue_member({ admin }) {
    const member = { Queue: 'empty', Interface: `Local/20${SLOT}@tests` };
    await admin.action('QueueRemove', member); // what a run that broke off may have left
    const replies = [];
    for (const [name, headers] of [['QueueAdd', { MemberName: 'Carol', Penalty: '2' }], ['QueueAdd', {}],
      ['QueuePause', { Paused: 'true' }], ['QueueRemove', {}], ['QueueRemove', {}]]) {
      replies.push((await admin.action(name, { ...member, ...headers }))[1]);
    }
    expect(replies.map((reply) => reply.response).join(' ') === 'Success Error Success Success Error',
      `replies ${JSON.stringify(replies)}`);
    return admin.plain(replies);
  },

  async events_without_the_right({ admin, connect }) {
    const limited = await connect('limited', 'limitedpw');
    const [id] = await admin.action('UserEvent', { UserEvent: 'NotForYou' });
    await admin.wait('the UserEvent', (seen) => seen.userevent === 'NotForYou' && seen.actionid === id);
    await limited.action('Ping', {});
    expect(limited.find({ userevent: 'NotForYou' }).length === 0,
      'an event was delivered without the right to read it');
    await limited.logoff();
    return 'not delivered';
  },

  async action_without_the_right({ connect }) {
    const limited = await connect('limited', 'limitedpw');
    const [, reply] = await limited.action('Command', { Command: 'core show version' });
    expect(reply.message === 'Permission denied', `reply ${JSON.stringify(reply)}`);
    const [, still] = await limited.action('Ping', {});
    await limited.logoff();
    return limited.plain([reply, still]);
  },

  async any_action_without_rights({ connect }) {
    const events = await connect('events', 'eventspw');
    const [, reply] = await events.action('Originate',
      { Channel: 'Local/100@tests', Context: 'caller', Exten: 's', Priority: '1' });
    expect(reply.message === 'Permission denied', `reply ${JSON.stringify(reply)}`);
    await events.logoff();
    return events.plain(reply);
  },

  async application_without_the_right({ connect }) {
    const limited = await connect('limited', 'limitedpw');
    const [, reply] = await limited.action('Originate',
      { Channel: 'Local/100@tests', Application: 'System', Data: 'true' });
    expect(reply.response === 'Error', `reply ${JSON.stringify(reply)}`);
    await limited.logoff();
    return limited.plain(reply);
  },

  async variable_of_the_account({ connect }) {
    const session = await connect('setvar', 'setvarpw');
    const [, answered] = await session.call('Local/102@tests/n');
    const seen = await session.wait("VarSet of the account's variable", (event) => event.event === 'VarSet'
      && event.linkedid === answered.uniqueid && JSON.stringify(event).includes('FROM_ACCOUNT'));
    await session.logoff();
    return session.plain(seen);
  },

  async logoff({ admin }) {
    const reply = await admin.logoff();
    expect(reply.response === 'Goodbye', `reply ${JSON.stringify(reply)}`);
    await admin.waitClosed();
    return admin.plain(reply);
  },
};

async function refusal(at, user, secret) {
  try {
    await at.connect(user, secret);
  } catch (error) {
    if (error instanceof Refused) return error.message;
    throw error;
  }
  throw new Failed('the login was accepted');
}

// Runs all checks against the host and port of the command line; the exit status says how many failed.
async function main(SessionClass) {
  const [host, port] = [process.argv[2], Number(process.argv[3])];
  const at = { connect: (user, secret) => within('the answer to the login', SessionClass.connect(host, port, user, secret)) };
  let broken = null;
  process.on('uncaughtException', (error) => { broken = error; });
  let failed = 0;
  for (const [check, run] of Object.entries(CHECKS)) {
    let line;
    try {
      line = { check, outcome: await run(at) };
      if (broken) throw broken;
    } catch (error) {
      failed += 1;
      line = { check, error: `${error.name}: ${error.message}` };
    }
    broken = null;
    console.log(JSON.stringify(line));
  }
  process.exit(Math.min(failed, 100));
}

module.exports = { CERTIFICATE, Failed, Refused, Session, headersOf, main, within };
