// One card for each attached picture or video. A card is made once and then changed, so that a field keeps its caret.
const PAUSE = 150; // ms without a key before a description is sent
const LONGEST = 1000; // ms of typing without a pause, after which it is sent all the same

function card(state, picture) {
  const facts = isVideo(picture) ? `${clock(picture.seconds)} long, ${sides(picture)}, ${bytes(picture.size)}`
    : picture.width ? `${sides(picture)}, ${bytes(picture.size)}` : 'No longer stored: remove it, and add it again.';
  const alt = el('textarea', { id: `alt-${picture.id}`, rows: 2, 'aria-describedby': `length-${picture.id}` });
  alt.value = picture.alt;
  alt.oninput = () => {
    picture.alt = alt.value.toWellFormed();
    state.drawCounts();
    clearTimeout(state.pause);
    state.since ??= performance.now();
    state.pause = setTimeout(() => state.tell(), Math.max(0, Math.min(PAUSE, state.since + LONGEST - performance.now())));
  };
  alt.onblur = () => state.tell();
  const made = el('li', { class: 'card', 'data-id': picture.id },
    el('div', { class: 'shown' }, thumb(state, picture), el('span', { class: 'handle', draggable: 'true', 'aria-hidden': 'true', title: 'Drag to change the order' }, '⠿')),
    el('div', { class: 'told' },
      el('div', { class: 'row' }, el('b', { class: 'place' }), el('span', { class: 'muted facts' }, facts),
        el('span', { class: 'row' },
          button('Earlier', () => move(state, picture, -1), { class: 'earlier' }),
          button('Later', () => move(state, picture, 1), { class: 'later' }),
          button('Remove', () => remove(state, picture), { class: 'remove' }))),
      el('label', { for: alt.id }, 'Describe it for people who do not see it'),
      alt,
      el('p', { class: 'muted length', id: `length-${picture.id}` }),
      el('ul', { class: 'fits', 'aria-label': 'How it fits' })));
  made.picture = picture;
  return draggable(state, made);
}

function thumb(state, picture) {
  const address = `${state.data.uploads}/${picture.id}`;
  if (isVideo(picture)) return el('video', { src: address, controls: true, preload: 'none', playsinline: true, 'aria-label': 'The video' });
  return el('img', { src: `${address}?small`, alt: '', class: 'thumb', draggable: 'false' });
}

function draggable(state, made) {
  made.querySelector('.handle').ondragstart = (event) => {
    state.dragged = made.picture;
    event.dataTransfer.effectAllowed = 'move';
    event.dataTransfer.setData('text/plain', ' ');
    event.dataTransfer.setDragImage(made, 20, 20);
  };
  made.querySelector('.handle').ondragend = () => { state.dragged = null; };
  made.ondragover = (event) => { if (state.dragged) event.preventDefault(); };
  made.ondrop = (event) => {
    if (!state.dragged) return;
    event.preventDefault();
    put(state, state.dragged, state.attached.indexOf(made.picture));
  };
  return made;
}

function put(state, picture, at) {
  state.attached = state.attached.filter((each) => each !== picture);
  state.attached.splice(at, 0, picture);
  state.speak(`Picture ${at + 1} of ${state.attached.length} now.`);
  state.changed();
}

function move(state, picture, by) {
  const at = state.attached.indexOf(picture) + by;
  put(state, picture, at);
  const [same, other] = by < 0 ? ['.earlier', '.later'] : ['.later', '.earlier'];
  state.focusOn([picture.id, at === 0 || at === state.attached.length - 1 ? other : same]);
}

function remove(state, picture) {
  state.removed = { picture, at: state.attached.indexOf(picture) };
  state.attached = state.attached.filter((each) => each !== picture);
  state.speak('Removed. You can undo that.');
  state.changed();
  state.root.querySelector('.removed button').focus();
}

function undo(state) {
  const { picture, at } = state.removed;
  state.removed = null;
  put(state, picture, Math.min(at, state.attached.length));
  state.focusOn([picture.id, '.remove']);
}

// How one picture fits one platform, in words; null while it is being found out.
function outcome(state, picture, platform) {
  const shown = state.attached.filter((each) => each.at[platform.key] !== null);
  if (shown.length > 1 && shown.some(isVideo)) return { title: 'A video goes alone.', next_step: 'Leave out what should not go here.' };
  if (!isVideo(picture) && shown.indexOf(picture) >= platform.most) {
    return { title: `${counted(platform.most, 'picture')} at most.`, next_step: 'Leave out what should not go here.' };
  }
  return state.fits.get(`${picture.at[platform.key]?.id ?? picture.id} ${platform.key}`) ?? null;
}

function fitRow(state, picture, platform) {
  const at = picture.at[platform.key];
  const left = at === null;
  const found = left ? null : outcome(state, picture, platform);
  const words = left ? 'Left out here.' : !found ? 'Finding out …'
    : found.title ? `${found.title} ${found.next_step}` : `${sides(found)}, ${bytes(found.size)} of ${bytes(found.most_bytes)}`;
  const change = (set) => () => { set(); state.changed(); state.focusOn([picture.id, `[data-fit=${platform.key}] button`]); };
  const open = `[data-fit=${platform.key}] .crop`;
  const actions = left ? [button('Show it here', change(() => { delete picture.at[platform.key]; }))] : [
    isVideo(picture) ? null : button(at ? 'Crop again' : 'Crop', () => openCrop(state, picture, platform, [picture.id, open]), { class: 'crop' }),
    at ? button('Use the original again', change(() => { delete picture.at[platform.key]; })) : null,
    button('Leave out', change(() => { picture.at[platform.key] = null; })),
  ].filter(Boolean);
  for (const each of actions) each.setAttribute('aria-label', `${each.textContent}: ${platform.name}`);
  const again = found?.again ? button('Try again', () => { state.fits.clear(); state.draw(); }) : null;
  return el('li', { 'data-fit': platform.key, 'data-state': left ? 'out' : found?.title ? 'problem' : found ? 'fits' : 'asked' },
    el('span', { class: 'platform', style: `--p: var(--c${platform.colour})` }, platform.name),
    at ? el('img', { class: 'cut', src: `${state.data.uploads}/${at.id}?small`, alt: '' }) : null,
    el('span', { class: 'fit' }, at ? `Cropped: ${words}` : words), again,
    el('span', { class: 'row' }, ...actions));
}

function drawCard(state, made) {
  const { picture } = made;
  const [at, all] = [state.attached.indexOf(picture), state.attached.length];
  const kind = isVideo(picture) ? 'Video' : 'Picture';
  say(made.querySelector('.place'), `${kind} ${at + 1} of ${all}`);
  made.querySelector('.earlier').disabled = at === 0;
  made.querySelector('.later').disabled = at === all - 1;
  for (const [name, words] of [['earlier', 'Move earlier'], ['later', 'Move later'], ['remove', 'Remove']]) {
    made.querySelector(`.${name}`).setAttribute('aria-label', `${words}: ${kind.toLowerCase()} ${at + 1}`);
  }
  made.querySelector('.handle').hidden = all < 2;
  for (const name of ['earlier', 'later']) made.querySelector(`.${name}`).hidden = all < 2;
  const drawn = JSON.stringify([state.data.platforms, picture.at, state.data.platforms.map((each) => outcome(state, picture, each))]);
  if (made.drawn === drawn) return;
  made.drawn = drawn;
  const fits = made.querySelector('.fits');
  const held = fits.contains(made.getRootNode().activeElement) && made.getRootNode().activeElement.getAttribute('aria-label');
  fits.replaceChildren(...state.data.platforms.map((platform) => fitRow(state, picture, platform)));
  if (held) [...fits.querySelectorAll('button')].find((each) => each.getAttribute('aria-label') === held)?.focus({ preventScroll: true });
}

// The strictest of the chosen platforms says how long a description may be.
function drawCounts(state) {
  const strictest = state.data.platforms.filter(({ most_alt: most }) => most).sort((a, b) => a.most_alt - b.most_alt)[0];
  for (const made of state.root.querySelectorAll('.card')) {
    const used = [...made.picture.alt.trim()].length;
    const note = made.querySelector('.length');
    const over = strictest && used > strictest.most_alt;
    note.dataset.level = over ? 'over' : used ? 'told' : 'missing';
    const length = strictest ? `${number(used)} of ${number(strictest.most_alt)} characters (${strictest.name})` : counted(used, 'character');
    say(note, used ? `${length}${over ? `: ${number(used - strictest.most_alt)} too long` : ''}` : 'Not described yet.');
  }
  const told = state.attached.filter(({ alt }) => alt.trim()).length;
  const count = state.root.querySelector('.count');
  count.hidden = !state.attached.length;
  count.dataset.level = told < state.attached.length ? 'missing' : 'told';
  say(count, `${told} of ${state.attached.length} described`);
}
