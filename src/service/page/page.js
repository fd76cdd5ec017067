'use strict';
/* The page of the attestation service. What evidence, names and policies hold is text: every element is made by
 * make(), which knows no markup, and the page's headers forbid what would. */

/* --- elements ------------------------------------------------------------------------------------ */

const at = (id) => document.getElementById(id);

/* make('td', {class: 'passed'}, 'text', element, …); a function is a listener, true an empty attribute. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const text = (value) => (typeof value === 'string' ? value : JSON.stringify(value));
const say = (words) => { at('said').textContent = words; };

function terms(object) {
  return make('dl', {}, ...Object.entries(object).flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, text(value))]));
}

/* --- the service --------------------------------------------------------------------------------- */

class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(path, method = 'GET', body = undefined, headers = {}) {
  let answer;
  try {
    answer = await fetch(path, {method, body, headers, credentials: 'same-origin', cache: 'no-store'});
  } catch {
    throw new Refusal(0, 'The service does not answer.');
  }
  const isJson = (answer.headers.get('Content-Type') || '').startsWith('application/json');
  const value = isJson ? await answer.json() : null;
  if (answer.ok) return value;
  if (answer.status === 401 && session) signedOut();
  throw new Refusal(answer.status, value?.error?.message || `The service answers ${answer.status}.`);
}

const API = 'api-version=2022-08-01';

function base64url(string) {
  let bytes = '';
  for (const byte of new TextEncoder().encode(string)) bytes += String.fromCharCode(byte);
  return btoa(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/* --- signing in ---------------------------------------------------------------------------------- */

let session = null;

/* An address by `caisson page` carries a code, which is gone from it before anything else happens. */
async function begin() {
  const code = /^#code=([\w-]{43})$/.exec(location.hash)?.[1];
  if (code) {
    history.replaceState(null, '', location.pathname);
    await signIn(code);
  } else {
    await start();
  }
}

/* By a code, or a bearer token, which gets one: a token is kept nowhere. */
async function signIn(word) {
  at('sign-in-wrong').textContent = '';
  try {
    const {code} = /^[\w-]+\.[\w-]+\.[\w-]+$/.test(word) ? await ask('api/code', 'POST', '', {Authorization: `Bearer ${word}`}) : {code: word};
    await ask('api/session', 'POST', JSON.stringify({code}));
    at('code').value = '';
    await start();
    at('main').focus();
  } catch (refusal) {
    signedOut();
    at('sign-in-wrong').textContent = refusal.message;
    at('code').focus();
  }
}

async function start() {
  try {
    session = await ask('api/session');
  } catch (refusal) {
    if (refusal.status === 0) say(refusal.message);
    signedOut();
    return;
  }
  at('tenant').textContent = session.tenant;
  document.title = `${session.tenant}: Caisson attestation service`;
  at('who-name').textContent = session.name;
  at('sign-out').hidden = !session.session;
  at('simulated').hidden = !session.simulated;
  at('sections').hidden = at('who').hidden = false;
  log.reset();
  show();
  keepUp();
}

function signedOut() {
  session = null;
  at('sections').hidden = at('who').hidden = true;
  at('sign-in-command').textContent = `caisson page --service ${location.origin} --client admin.pem`;
  show();
}

at('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  signIn(at('code').value.trim());
});

at('sign-out').addEventListener('click', async () => {
  try {
    await ask('api/session', 'DELETE');
  } catch (refusal) {
    say(refusal.message);
    return;
  }
  signedOut();
  at('code').focus();
});

/* --- sections ------------------------------------------------------------------------------------ */

const sections = {log: () => {}, policies: () => policies.open(), keys: () => keys.open(), try: () => trial.open()};

function show() {
  const wanted = location.hash.slice(1);
  const name = session ? (wanted in sections ? wanted : 'log') : 'sign-in';
  for (const section of document.querySelectorAll('main > section')) section.hidden = section.id !== `view-${name}`;
  for (const link of document.querySelectorAll('nav a')) {
    if (link.hash === `#${name}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  if (session) sections[name]();
}

window.addEventListener('hashchange', () => {
  show();
  at('main').focus();
});

/* --- checks -------------------------------------------------------------------------------------- */

/* From the root of trust to what was asked, as `caisson verify --html` draws it: a box is as bad as the worst of
 * its checks. What belongs to no box stands in the table alone. */
const SNP_BOXES = [
  ['Root of trust', 'root root_signature'],
  ['Intermediate', 'intermediate_signature revocation certificate_names validity'],
  ["The processor's key", 'leaf_signature leaf_extensions signing_key product reported_tcb chip_id allowed_chip_id'],
  ['Report', 'signature report_format reserved_fields guest_policy debug migration_agent vmpl current_tcb committed_tcb launch_tcb'],
  ['What booted', 'measurement uvm_measurement guest_svn family_id image_id id_key_digest author_key_digest'],
  ['What the host gave it', 'host_data report_data'],
];

const QUOTE_BOXES = [
  ['Root of trust', 'collateral_root root_ca_crl authority_revocation'],
  ['Collateral', 'pck_crl_issuer_chain tcb_info_issuer_chain qe_identity_issuer_chain collateral_validity pck_crl tcb_info_signature tcb_info tcb_info_dates qe_identity_signature qe_identity qe_identity_dates collateral collateral_kind tcb_evaluation'],
  ['Platform', 'pck_certificate_chain pck_certificates pck_chain pck_validity pck_revocation pck_extension fmspc pceid platform_tcb tdx_module tdx_module_tcb tcb_status'],
  ['Quoting enclave', 'qe_vendor qe_report_signature qe_report_data qe_miscselect qe_attributes qe_mrsigner qe_isvprodid qe_tcb'],
  ['Quote', 'quote_format trailing_bytes reserved_fields tee quote_signature cpusvn tee_tcb_svn tee_tcb_svn2 mrseam mrsignerseam seamattributes'],
  ['What runs', 'attributes debug tdattributes sept_ve_disable migration xfam miscselect mrenclave mrsigner isvprodid isvsvn minimum_isvsvn isvextprodid isvfamilyid mrtd rtmr0 rtmr1 rtmr2 rtmr3 mrservicetd'],
  ['What it was given', 'configid configsvn mrconfigid mrowner mrownerconfig report_data'],
];

function chainOf(checks) {
  const boxes = checks.some((check) => check.name === 'quote_format') ? QUOTE_BOXES : SNP_BOXES;
  const states = boxes.map(([title, names]) => {
    const results = checks.filter((check) => names.split(' ').includes(check.name)).map((check) => check.result);
    return [title, ['failed', 'passed', 'skipped'].find((result) => results.includes(result)) || 'not checked'];
  });
  if (states.every(([, state]) => state === 'not checked')) return null;
  return make('ol', {class: 'chain', 'aria-label': 'From the root of trust to what was asked'},
    ...states.map(([title, state]) => make('li', {class: state === 'not checked' ? 'absent' : state}, make('b', {}, title), state)));
}

function tableOf(caption, heads, rows) {
  return make('div', {class: 'scroll quiet', tabindex: '0', role: 'group', 'aria-label': caption},
    make('table', {}, make('caption', {}, caption),
      make('thead', {}, make('tr', {}, ...heads.map((head) => make('th', {scope: 'col'}, head)))),
      make('tbody', {}, ...rows)));
}

/* The failures first, since they decide; then in the order in which they were made. */
function checksOf(checks) {
  const failed = checks.filter((check) => check.result === 'failed');
  const rows = [...failed, ...checks.filter((check) => check.result !== 'failed')].map((check) => make('tr', {},
    make('th', {scope: 'row'}, check.name), make('td', {class: check.result}, check.result),
    make('td', {class: 'mono'}, check.found), make('td', {class: 'mono'}, check.expected),
    make('td', {}, check.result === 'failed' ? check.remedy : check.source)));
  const verdict = failed.length === 0 ? make('p', {class: 'verdict passed'}, `All ${checks.length} checks hold`)
    : make('p', {class: 'verdict failed'}, `Refused by ${failed[0].name}`, make('span', {}, failed[0].remedy));
  return [verdict, chainOf(checks), make('h3', {}, 'Every check'),
    tableOf('Every check', ['Check', 'Result', 'Found', 'Expected', 'Remedy or source'], rows)].filter(Boolean);
}

/* --- decisions ----------------------------------------------------------------------------------- */

const EVENTS = {
  attest: ['attest', 'Attestation'], 'attest-draft': ['attest', 'Draft tried'], 'kbs-attest': ['attest', 'Attestation (KBS)'],
  release: ['release', 'Key release'], resource: ['release', 'Resource'],
  'policy-set': ['change', 'Policy set'], 'policy-reset': ['change', 'Policy reset'], 'sign-in': ['change', 'Sign-in'],
};
const ROWS_MAX = 2000;

const groupOf = (event) => EVENTS[event]?.[0] || 'change';
const titleOf = (event) => EVENTS[event]?.[1] || event.charAt(0).toUpperCase() + event.slice(1).replaceAll('-', ' ');

/* What a line says of an entry, in a few words. */
function summaryOf(entry) {
  const detail = entry.detail || {};
  const name = detail.name || detail.resource || detail.key || detail.kind || detail.tee || '';
  const data = detail['x-ms-sevsnpvm-hostdata'];
  return [name, detail.reason || (data ? `host data ${data.slice(0, 16)}…` : detail.peer || '')].filter(Boolean).join(': ');
}

const log = {
  head: 0,
  first: 0, /* the oldest that was read */
  busy: false,

  reset() {
    this.head = this.first = 0;
    at('log').replaceChildren();
  },

  async read(query) {
    const answer = await ask(`api/log?${query}`);
    this.head = Math.max(this.head, answer.entries.at(-1)?.number || 0);
    if (answer.entries.length > 0) this.first = Math.min(this.first || Infinity, answer.entries[0].number);
    return answer;
  },

  async newer() {
    if (this.busy) return;
    this.busy = true;
    try {
      const isFirst = this.head === 0;
      const answer = await this.read(isFirst ? 'count=50' : `after=${this.head}&count=200`);
      for (const entry of answer.entries) at('log').prepend(lineOf(entry, !isFirst));
      while (at('log').children.length > ROWS_MAX) at('log').lastElementChild.remove();
      if (!isFirst && answer.entries.length > 0)
        say(`${answer.entries.length} new: ${titleOf(answer.entries.at(-1).event)}, ${answer.entries.at(-1).allowed ? 'allowed' : 'refused'}`);
      if (!isFirst && answer.entries.length === 0) return;
      filter();
      if (isFirst) performance.mark('list');
      if (!at('view-try').hidden && document.activeElement !== at('try-recent')) trial.open();
    } finally {
      this.busy = false;
    }
  },

  async older() {
    const answer = await this.read(`before=${this.first}&count=50`);
    for (const entry of answer.entries.reverse()) at('log').append(lineOf(entry, false));
    filter();
    say(`${answer.entries.length} older ones`);
  },
};

function lineOf(entry, isNew) {
  const body = make('div', {class: 'body', id: `entry-${entry.number}`, hidden: true});
  const head = make('button', {type: 'button', class: 'head', 'aria-expanded': 'false', 'aria-controls': body.id,
    click: () => toggle(head, body, entry)},
  make('time', {datetime: entry.time}, entry.time.replace('T', ' ').replace('Z', '')), make('b', {}, titleOf(entry.event)),
  make('span', {class: entry.allowed ? 'passed' : 'failed'}, entry.allowed ? 'allowed' : 'refused'),
  make('span', {class: 'what'}, summaryOf(entry)));
  const line = make('li', {class: `${entry.allowed ? 'allowed' : 'refused'}${isNew ? ' new' : ''}`}, head, body);
  line.entry = entry;
  return line;
}

async function toggle(head, body, entry) {
  const opens = body.hidden;
  body.hidden = !opens;
  head.setAttribute('aria-expanded', String(opens));
  if (!opens || body.hasChildNodes()) return;
  const {record, ...detail} = entry.detail || {};
  body.append(terms({number: entry.number, tenant: entry.tenant, ...detail, 'hash of the entry before': entry.previous}));
  if (!record) return;
  try {
    const kept = await ask(`api/attestations/${encodeURIComponent(record)}`);
    body.prepend(...checksOf(kept.checks));
    if (kept.repeatable)
      body.append(make('button', {type: 'button', click: () => trial.askAbout(entry)}, 'What would this evidence get now?'));
  } catch (refusal) {
    body.append(make('p', {class: 'other'}, refusal.message));
  }
}

function filter() {
  const event = at('filter-event').value, refused = at('filter-refused').checked, words = at('filter-text').value.toLowerCase();
  let shown = 0;
  for (const line of at('log').children) {
    const {entry} = line;
    line.hidden = (event && groupOf(entry.event) !== event) || (refused && entry.allowed) ||
      (words && !JSON.stringify(entry).toLowerCase().includes(words));
    if (!line.hidden) shown++;
  }
  at('log-none').hidden = shown > 0;
  at('older').hidden = log.first <= 1 || at('log').children.length >= ROWS_MAX;
}

at('filter').addEventListener('input', filter);
at('filter').addEventListener('submit', (event) => event.preventDefault());
at('older').addEventListener('click', () => log.older().catch((refusal) => say(refusal.message)));

/* Up and down walk from line to line. */
at('log').addEventListener('keydown', (event) => {
  const step = {ArrowDown: 'nextElementSibling', ArrowUp: 'previousElementSibling'}[event.key];
  if (!step || !event.target.classList.contains('head')) return;
  let line = event.target.parentElement[step];
  while (line?.hidden) line = line[step];
  if (!line) return;
  event.preventDefault();
  line.firstElementChild.focus();
});

/* Once a second while somebody looks; a page in the background asks nothing. */
let timer = null, failures = 0;

async function keepUp() {
  clearTimeout(timer);
  if (!session || document.hidden) return;
  try {
    await log.newer();
    if (failures > 0) say('The service answers again.');
    failures = 0;
  } catch (refusal) {
    if (failures++ === 0) say(refusal.message);
  }
  if (session) timer = setTimeout(keepUp, Math.min(1000 * (failures + 1), 10000));
}

document.addEventListener('visibilitychange', keepUp);

/* --- policies ------------------------------------------------------------------------------------ */

const policies = {
  list: [],
  current: null,
  pending: null,

  async open() {
    if (this.list.length > 0) return;
    try {
      await this.load();
    } catch (refusal) {
      say(refusal.message);
    }
  },

  async load(kind = 'SevSnpVm') {
    this.list = await ask('api/policies');
    at('policy-kind').replaceChildren(...this.list.map((policy) => make('option', {value: policy.kind}, policy.kind)));
    at('policy-kind').value = kind;
    this.choose();
  },

  choose() {
    this.current = this.list.find((policy) => policy.kind === at('policy-kind').value);
    at('policy-state').textContent = this.current.default ? 'the default' : `${this.current.signed ? 'signed' : 'unsigned'}, hash ${this.current.hash}`;
    at('policy-text').value = this.current.text;
    at('policy-reset').disabled = this.current.default;
    this.showFindings(this.current.findings);
  },

  edited() {
    clearTimeout(this.pending);
    this.pending = setTimeout(() => this.lint(), 250);
    this.buttons();
  },

  buttons() {
    const changed = at('policy-text').value !== this.current.text;
    at('policy-store').disabled = at('policy-revert').disabled = !changed;
  },

  async lint() {
    const kind = at('policy-kind').value, asked = at('policy-text').value;
    try {
      const findings = await ask(`api/lint/${kind}`, 'POST', asked);
      if (asked === at('policy-text').value) this.showFindings(findings);
    } catch (refusal) {
      say(refusal.message);
    }
  },

  showFindings(findings) {
    const errors = findings.filter((finding) => finding.severity === 'error').length;
    at('policy-count').textContent = errors > 0 ? 'This is no policy.'
      : findings.length === 0 ? 'Nothing to say: it reads well.' : `${findings.length} ${findings.length === 1 ? 'warning' : 'warnings'}.`;
    at('findings').replaceChildren(...findings.map((finding) => make('li', {},
      make('b', {class: finding.severity === 'error' ? 'failed' : 'warning'}, finding.severity), ' ',
      finding.line > 0 ? make('button', {type: 'button', click: () => goToLine(finding.line)}, `line ${finding.line}`) : 'the whole',
      ' ', finding.text)));
    this.buttons();
  },

  /* As Microsoft's clients store one: an unsigned JWS. */
  async store() {
    const kind = this.current.kind;
    const payload = JSON.stringify({AttestationPolicy: base64url(at('policy-text').value)});
    const jws = `${base64url(JSON.stringify({alg: 'none'}))}.${base64url(payload)}.`;
    await this.change(() => ask(`policies/${kind}?${API}`, 'PUT', jws), kind, `The policy for ${kind} is stored; it decides from now on.`);
  },

  async reset() {
    const kind = this.current.kind;
    await this.change(() => ask(`policies/${kind}:reset?${API}`, 'POST', ''), kind, `The policy for ${kind} is the default again.`);
  },

  async change(act, kind, words) {
    try {
      await act();
      await this.load(kind);
      say(words);
    } catch (refusal) {
      say(`Not stored: ${refusal.message}`);
    }
  },
};

function goToLine(number) {
  const area = at('policy-text'), lines = area.value.split('\n');
  const begin = lines.slice(0, number - 1).reduce((sum, line) => sum + line.length + 1, 0);
  area.focus();
  area.setSelectionRange(begin, begin + (lines[number - 1] || '').length);
}

at('policy-kind').addEventListener('change', () => policies.choose());
at('policy-text').addEventListener('input', () => policies.edited());
at('policy-store').addEventListener('click', () => policies.store());
at('policy-revert').addEventListener('click', () => policies.choose());
at('policy-reset').addEventListener('click', () => at('reset-ask').showModal());
at('reset-no').addEventListener('click', () => at('reset-ask').close());
at('reset-yes').addEventListener('click', () => {
  at('reset-ask').close();
  policies.reset();
});

/* --- keys ---------------------------------------------------------------------------------------- */

/* "host data equals ab…": a rule's condition in words. */
function conditionOf(condition) {
  const {claim, ...rest} = condition;
  const [[operator, value] = ['', '']] = Object.entries(rest);
  const words = operator.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return make('li', {}, make('code', {}, claim), ` ${words} `, make('code', {}, text(value)));
}

/* anyOf and allOf become lists within lists. */
function groupList(group) {
  const items = [];
  for (const [name, list] of Object.entries(group)) {
    if (!Array.isArray(list)) continue;
    const all = name.toLowerCase() === 'allof';
    items.push(make('div', {}, all ? 'all of' : 'any of', make('ul', {}, ...list.map((item) =>
      (item && typeof item.claim === 'string' ? conditionOf(item) : make('li', {}, ...groupList(item || {})))))));
  }
  return items;
}

function ruleOf(words) {
  if (!words) return make('p', {class: 'failed'}, 'It has no rule: nobody gets it.');
  let rule;
  try {
    rule = JSON.parse(words);
  } catch {
    return make('pre', {}, words);
  }
  const any = Object.entries(rule).find(([name]) => name.toLowerCase() === 'anyof')?.[1];
  if (!Array.isArray(any)) return make('pre', {}, words);
  return make('div', {class: 'rule'}, ...any.map((part) =>
    make('div', {}, 'To a token by ', make('code', {}, text(part.authority)), ' with ', ...groupList(part))));
}

function unbase64url(words) {
  const bytes = Uint8Array.from(atob(words.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));
  return new TextDecoder().decode(bytes);
}

const keys = {
  async open() {
    try {
      const secrets = await ask('api/secrets');
      at('keys').replaceChildren(...secrets.keys.map((key) => this.keyOf(key)));
      at('resources').replaceChildren(...secrets.resources.map((resource) =>
        make('li', {}, make('h3', {}, resource.name), ruleOf(resource.rule))));
      at('keys-none').hidden = secrets.keys.length > 0;
      at('resources-none').hidden = secrets.resources.length > 0;
    } catch (refusal) {
      say(refusal.message);
    }
  },

  keyOf(key) {
    const day = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);
    const {enabled, exp, nbf, updated} = key.attributes;
    const facts = [key.key.kty, enabled ? 'enabled' : 'disabled', `changed ${day(updated)}`, exp && `expires ${day(exp)}`, nbf && `not before ${day(nbf)}`];
    return make('li', {}, make('h3', {}, key.name), make('p', {class: enabled ? '' : 'failed'}, facts.filter(Boolean).join(', ')),
      make('p', {class: 'mono'}, key.key.kid), ruleOf(key.release_policy && unbase64url(key.release_policy.data)));
  },
};

/* --- what would it get? -------------------------------------------------------------------------- */

const KINDS = ['SevSnpVm', 'SgxEnclave', 'OpenEnclave', 'TdxVm', 'Tpm'];

/* A bundle of `caisson attest` as the body of a request; any other object as it is. */
function requestOf(words) {
  const value = JSON.parse(words);
  if (!value || typeof value !== 'object' || !Array.isArray(value.certificates) || !value.report) return value;
  const url = (base64) => base64.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  const report = {SnpReport: url(value.report), VcekCertChain: base64url(value.certificates.join(''))};
  return {report: base64url(JSON.stringify(report)), runtimeData: {data: url(value.runtime_data), dataType: 'JSON'}};
}

const trial = {
  open() {
    const recent = [...at('log').children].map((line) => line.entry).filter((entry) => entry.detail?.record);
    const chosen = at('try-recent').value;
    at('try-recent').replaceChildren(make('option', {value: ''}, 'none: the evidence below'), ...recent.slice(0, 50).map((entry) =>
      make('option', {value: entry.detail.record}, `${entry.number}: ${entry.time.replace('T', ' ').replace('Z', '')}, ${entry.allowed ? 'allowed' : 'refused'}, ${entry.detail.kind}`)));
    at('try-recent').value = recent.some((entry) => entry.detail.record === chosen) ? chosen : '';
    at('try-own').hidden = at('try-recent').value !== '';
  },

  askAbout(entry) {
    location.hash = '#try';
    show();
    at('try-recent').value = entry.detail.record;
    at('try-own').hidden = true;
    this.ask();
  },

  question() {
    const question = at('try-recent').value ? {attestation: at('try-recent').value}
      : {kind: at('try-kind').value, request: requestOf(at('try-text').value)};
    if (at('try-draft').checked && at('policy-text').value) question.policy = at('policy-text').value;
    return question;
  },

  async ask() {
    at('try-wrong').textContent = '';
    at('try-answer').hidden = true;
    try {
      const answer = await ask('api/what-if', 'POST', JSON.stringify(this.question()));
      at('try-answer').replaceChildren(...this.answerOf(answer));
      at('try-answer').hidden = false;
      at('try-answer').focus();
    } catch (refusal) {
      at('try-wrong').textContent = refusal instanceof SyntaxError ? `This is no JSON: ${refusal.message}` : refusal.message;
    }
  },

  answerOf(answer) {
    const verdict = answer.reason ? ['failed', 'No token: the evidence does not hold', answer.reason]
      : !answer.policy.permitted ? ['failed', 'No token: the policy does not permit it', answer.policy.reason]
        : ['passed', `A token${answer.simulated ? ' that says SIMULATED' : ''}`, null];
    return [
      make('h2', {}, 'It would get'), make('p', {class: `verdict ${verdict[0]}`}, verdict[1], verdict[2] && make('span', {}, verdict[2])),
      ...this.releasesOf('Keys', answer.keys), ...this.releasesOf('Resources', answer.resources),
      ...(answer.policy ? this.policyOf(answer.policy) : []),
      ...(answer.claims ? [make('h2', {}, 'Claims'), tableOf('Claims of the token', ['Claim', 'Value'], Object.entries(answer.claims).map(([name, value]) =>
        make('tr', {}, make('th', {scope: 'row'}, name), make('td', {class: 'mono'}, text(value)))))] : []),
      make('h2', {}, 'Evidence'), ...checksOf(answer.checks),
    ];
  },

  releasesOf(title, list) {
    if (!list || list.length === 0) return [];
    return [make('h2', {}, title), make('ul', {class: 'gets'}, ...list.map((item) => make('li', {class: item.released ? 'passed' : 'failed'},
      make('b', {}, item.name), item.released ? ' would be released' : ' would not: ', item.released ? null : item.reason)))];
  },

  policyOf(policy) {
    const name = policy.draft ? 'the text in the editor' : policy.default ? 'the default' : 'the one that is stored';
    const decides = policy.rules.find((rule) => rule.step === 'held' && rule.action === 'deny') ||
      policy.rules.find((rule) => rule.step === 'held' && rule.action === 'permit');
    return [make('h2', {}, `Policy: ${name}`), make('ol', {class: 'rules'}, ...policy.rules.map((rule) =>
      make('li', {class: `${rule.step === 'held' ? (rule.action === 'deny' ? 'failed' : 'held') : 'other'}${rule === decides ? ' decides' : ''}`},
        `Line ${rule.line}: ${rule.step}${rule === decides ? '; it decides' : ''}`, make('pre', {}, make('code', {}, rule.text)))))];
  },
};

at('try-kind').append(...KINDS.map((kind) => make('option', {value: kind}, kind)));
at('try-recent').addEventListener('change', () => { at('try-own').hidden = at('try-recent').value !== ''; });
at('try').addEventListener('submit', (event) => {
  event.preventDefault();
  trial.ask();
});

async function takeFile(file) {
  if (!file) return;
  if (file.size > 1048576) at('try-wrong').textContent = 'The file is too large: a request has at most 1 MiB.';
  else at('try-text').value = await file.text();
}

at('try-file').addEventListener('change', () => takeFile(at('try-file').files[0]));
for (const [name, over] of [['dragover', true], ['dragleave', false], ['drop', false]]) {
  at('try-text').addEventListener(name, (event) => {
    event.preventDefault();
    at('try-text').classList.toggle('over', over);
    if (name === 'drop') takeFile(event.dataTransfer.files[0]);
  });
}

begin();
