// Draws days with posts, and says what was pressed or dropped where. Text is always a text node.
const SVG_SPACE = 'http://www.w3.org/2000/svg';
const REPEATED = 5000; // ms a pick is sent again with those after it, in case the server saw only the newest
const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const ARROWS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
const MOVE = 'M5 9l-2.5 3L5 15M19 9l2.5 3-2.5 3M3 12h18M9 5l3-2.5L15 5M9 19l3 2.5L15 19M12 3v18';
const states = new WeakMap();

function el(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== null));
  return made;
}

function drawing(className, d) {
  const svg = document.createElementNS(SVG_SPACE, 'svg');
  const path = document.createElementNS(SVG_SPACE, 'path');
  svg.setAttribute('class', className);
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', d);
  svg.append(path);
  return svg;
}

function button(state, className, pick, label, ...children) {
  const made = el('button', className, ...children);
  made.type = 'button';
  made.dataset.pick = pick;
  if (label) made.setAttribute('aria-label', label);
  made.onclick = () => send(state, pick);
  return made;
}

function send(state, value) {
  const now = performance.now();
  state.count += 1;
  state.picks = [...state.picks.filter(({ at }) => now - at < REPEATED), { at: now, sent: [state.count, value] }];
  state.set('pick', { mount: state.mount, picks: state.picks.map(({ sent }) => sent) });
}

function mark([name, colour, glyph]) {
  const tile = el('span', 'mark', drawing('', glyph));
  tile.style.setProperty('--p', `var(--c${colour})`);
  tile.title = name;
  return tile;
}

function item(state, data, day, { post, name, time, title, platforms, state: shown, can_move: canMove, account, colour }) {
  const [word, family, sign] = data.states[shown];
  const names = platforms.map((each) => data.platforms[each][0]).join(', ');
  const words = `${time} ${title}. ${names}. ${word}.${account ? ` ${account}.` : ''}`;
  const text = el('span', 'text', title);
  const face = [el('span', 'time', time), drawing('icon', sign), ...platforms.map((each) => mark(data.platforms[each])), text];
  // A line of a day has room to say whose it is and how it stands.
  if (data.view === 'day') face.push(...(account ? [el('span', 'of', account)] : []), el('span', 'word', word));
  const open = button(state, 'open', `open ${post}`, words, ...face);
  open.title = `${word}: ${title}`;
  const move = canMove ? button(state, 'move', `ask ${post}`, `Move ${name}`, drawing('icon', MOVE)) : null;
  const li = el('li', `item ${family}`, open, move);
  if (colour) li.style.setProperty('--account', colour);
  if (!canMove) return li;
  li.draggable = true;
  li.ondragstart = (event) => {
    event.dataTransfer.setData('text/plain', words);
    event.dataTransfer.effectAllowed = 'move';
    state.dragged = { post, time, day: day.on, li };
    li.classList.add('dragged');
  };
  li.ondragend = () => {
    li.classList.remove('dragged');
    state.dragged = null;
    state.redraw?.();
  };
  return li;
}

// Where a post may be dropped: any day or hour that is not over, but the one it is in.
function accepts(state, cell, day, hour) {
  const target = () => {
    const { dragged } = state;
    if (!dragged || day.kind.includes('past')) return null;
    const at = `${day.on}T${hour ? `${hour}${dragged.time.slice(2)}` : dragged.time}`;
    return at === `${dragged.day}T${dragged.time}` ? null : at;
  };
  cell.ondragover = (event) => {
    if (!target()) return;
    event.preventDefault();
    cell.classList.add('over');
  };
  cell.ondragleave = () => cell.classList.remove('over');
  cell.ondrop = (event) => {
    event.preventDefault();
    cell.classList.remove('over');
    const at = target();
    if (!at) return;
    state.dragged.li.classList.add('moving');
    send(state, `move ${state.dragged.post} ${at}`);
  };
  return cell;
}

function listed(state, data, day, hour) {
  const items = day.items.filter(({ time }) => !hour || time.startsWith(hour));
  const more = day.more[hour ?? ''];
  const words = `+ ${more} more`;
  return [
    items.length ? el('ol', '', ...items.map((each) => item(state, data, day, each))) : null,
    more ? button(state, 'more', `day ${day.on}`, `${words} on ${day.label}`, words) : null,
  ];
}

function head(state, data, day) {
  const short = data.view === 'week' ? `${day.label.slice(0, 3)} ${day.number}` : day.number;
  const full = el('span', 'full', day.label);
  const number = button(state, 'number', `day ${day.on}`, null, el('span', 'short', short), full);
  number.setAttribute('aria-label', day.kind === 'today' ? `${day.label}, today` : day.label);
  const write = day.write && button(state, 'write', `write ${day.write}`, `Write a post for ${day.label}`, '+');
  return el('div', 'head', el('h3', '', number), write || null);
}

function drawDay(state, data, day) {
  const made = el('section', `day ${day.kind}`, head(state, data, day));
  made.dataset.on = day.on;
  if (!day.items.length) made.classList.add('empty');
  if (data.view !== 'week') {
    made.append(...listed(state, data, day).filter(Boolean));
    return accepts(state, made, day);
  }
  for (const hour of data.hours) {
    const cell = el('div', 'cell', ...listed(state, data, day, hour));
    cell.dataset.hour = hour;
    made.append(accepts(state, cell, day, hour));
  }
  return made;
}

// One day at a time is in the order of Tab; arrows go from day to day.
function makeCurrent(root, state, on, focus) {
  if (on && on === state.current && !focus) return;
  const days = [...root.querySelectorAll('.day')];
  const chosen = days.find((day) => day.dataset.on === on) ?? days.find((day) => day.matches('.today')) ?? days[0];
  state.current = chosen?.dataset.on;
  for (const each of root.querySelectorAll('.day button')) each.tabIndex = chosen.contains(each) ? 0 : -1;
  if (focus) chosen.querySelector('.number').focus();
}

function draw(root, data, state) {
  const held = root.getRootNode().activeElement?.dataset?.pick;
  const days = el('div', 'days');
  const aside = (words, className) => {
    const made = el('span', className, words);
    made.setAttribute('aria-hidden', 'true');
    return made;
  };
  if (data.view === 'month') days.append(...WEEKDAYS.map((each) => aside(each, 'weekday')));
  if (data.view === 'week') {
    days.append(el('div', 'clock', aside('', 'head'), ...data.hours.map((each) => aside(`${each}:00`, 'hour'))));
    days.style.setProperty('--hours', data.hours.length);
  }
  days.append(...data.days.map((day) => drawDay(state, data, day)));
  root.className = `calendar ${data.view === 'day' ? 'single' : data.view}`;
  root.setAttribute('role', 'group');
  root.setAttribute('aria-label', data.label);
  root.replaceChildren(days);
  const { current } = state;
  state.current = undefined; // what is drawn anew has no order of Tab yet
  makeCurrent(root, state, current);
  if (held) [...root.querySelectorAll('button')].find((each) => each.dataset.pick === held)?.focus({ preventScroll: true });
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector('.calendar');
  if (!states.has(root)) {
    states.set(root, { mount: Math.random().toString(36).slice(2), count: 0, picks: [] });
    root.addEventListener('focusin', ({ target }) => makeCurrent(root, states.get(root), target.closest('.day')?.dataset.on));
  }
  const state = states.get(root);
  state.set = setTriggerValue;
  const palette = getComputedStyle(root).getPropertyValue('--st-chart-categorical-colors').split(',');
  palette.forEach((colour, i) => root.style.setProperty(`--c${i + 1}`, colour.trim()));
  root.onkeydown = (event) => {
    const day = event.target.closest('.day');
    if (!day || !(event.key in ARROWS)) return;
    const days = [...root.querySelectorAll('.day')];
    const step = data.view === 'month' ? ARROWS[event.key] : Math.sign(ARROWS[event.key]);
    const next = days[days.indexOf(day) + step];
    if (!next) return;
    event.preventDefault();
    makeCurrent(root, state, next.dataset.on, true);
  };
  const json = JSON.stringify([data.view, data.days, data.hours]);
  state.redraw = () => {
    if (state.drawn === json) {
      for (const each of root.querySelectorAll('.moving')) each.classList.remove('moving');
      return;
    }
    draw(root, data, state);
    state.drawn = json;
  };
  if (state.jump !== undefined && state.jump !== data.jump) {
    state.redraw();
    root.querySelector('.today')?.scrollIntoView({ block: 'nearest' });
  }
  state.jump = data.jump;
  if (!state.dragged) state.redraw(); // what is being dragged stays under the hand that drags it
}
