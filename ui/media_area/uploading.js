// Files on their way to the store. Each stays in the page until it is stored, or a person takes it away.
const AT_ONCE = 2;
const STALLED = 45_000; // ms without a byte leaving, after which the connection counts as lost
const LOST = { title: 'The connection was lost.', next_step: 'The file is kept here: try again.' };

function add(state, files) {
  const room = state.data.most - state.attached.length - state.files.length;
  for (const file of files.slice(0, Math.max(0, room))) {
    state.turn += 1;
    state.files.push({ file, turn: state.turn, name: file.name || 'pasted picture', stage: 'waiting', share: 0, problem: tooLarge(state, file) });
  }
  for (const each of state.files) if (each.problem && each.stage === 'waiting') each.stage = 'refused';
  state.full = files.length > room ? `${counted(state.data.most, 'file')} at most: remove some to add others.` : '';
  drawRemoved(state);
  send(state);
}

// The server looks at the bytes; this only spares a long way to words that can be said here.
function tooLarge(state, file) {
  const kind = file.type.startsWith('video/') ? 'video' : file.type.startsWith('image/') ? 'image' : null;
  const most = state.data.most_bytes[kind];
  if (!(file.size > most)) return null;
  return { title: `It has ${bytes(file.size)}; ${bytes(most)} is the most.`, next_step: 'Export it smaller, and add that.' };
}

function send(state) {
  const busy = state.files.filter(({ stage }) => stage === 'sending' || stage === 'reading').length;
  state.files.filter(({ stage }) => stage === 'waiting').slice(0, Math.max(0, AT_ONCE - busy)).forEach((each) => begin(state, each));
  state.tell();
  state.drawFiles();
}

function begin(state, upload) {
  const xhr = new XMLHttpRequest();
  const watch = () => {
    clearTimeout(upload.stall);
    upload.stall = setTimeout(() => { xhr.abort(); lose(); }, STALLED);
  };
  const lose = () => stop(state, upload, 'lost', LOST);
  Object.assign(upload, { stage: 'sending', share: 0, problem: null, xhr });
  xhr.open('POST', state.data.uploads);
  for (const [name, value] of Object.entries(HEADER)) xhr.setRequestHeader(name, value);
  xhr.responseType = 'json';
  xhr.upload.onprogress = ({ loaded, total }) => { watch(); upload.share = loaded / total; state.drawFiles(); };
  xhr.upload.onload = () => { clearTimeout(upload.stall); upload.stage = 'reading'; state.drawFiles(); };
  xhr.onerror = lose;
  xhr.onload = () => (xhr.status === 201 && xhr.response ? stored(state, upload, xhr.response) : refused(state, upload, xhr));
  watch();
  xhr.send(upload.file);
}

function refused(state, upload, xhr) {
  if (xhr.status === 401) state.signedOut = true;
  const problem = xhr.response?.title ? xhr.response : { title: 'The server did not take it.', next_step: 'Try again.' };
  // Another try helps where the file is not at fault.
  stop(state, upload, xhr.status === 413 || xhr.status === 422 ? 'refused' : 'lost', problem);
}

function stop(state, upload, stage, problem) {
  clearTimeout(upload.stall);
  Object.assign(upload, { stage, problem });
  state.speak(`${upload.name}: ${problem.title} ${problem.next_step}`);
  send(state);
}

function stored(state, upload, found) {
  clearTimeout(upload.stall);
  state.files = state.files.filter((each) => each !== upload);
  if (state.attached.some(({ id }) => id === found.id)) {
    state.speak(`${upload.name} is attached already.`);
  } else {
    const later = state.attached.findIndex(({ turn }) => turn > upload.turn); // a small one overtakes a large one
    state.attached.splice(later < 0 ? state.attached.length : later, 0, { ...found, alt: '', at: {}, turn: upload.turn });
    state.speak(`${upload.name} is added. Describe it for people who do not see it.`);
  }
  state.changed();
  send(state);
}

function retry(state, upload) {
  upload.stage = 'waiting';
  send(state);
}

function drop(state, upload) {
  clearTimeout(upload.stall);
  state.files = state.files.filter((each) => each !== upload);
  upload.xhr?.abort(); // which is no error, so nothing else follows
}

function cancel(state, upload) {
  drop(state, upload);
  state.speak(`${upload.name} is not added.`);
  state.root.querySelector('.pick').focus();
  send(state);
}

const STAGES = { waiting: 'Waiting', reading: 'Being read', lost: '', refused: '' };

function fileRow(state, upload) {
  const row = el('li', {},
    el('span', { class: 'name' }, upload.name),
    el('span', { class: 'muted' }, bytes(upload.file.size)),
    el('progress', { max: 1, 'aria-label': `${upload.name} being added` }),
    el('span', { class: 'stage muted' }),
    el('p', { class: 'problem' }),
    button('Try again', () => retry(state, upload), { class: 'again' }),
    button('Cancel', () => cancel(state, upload), { class: 'cancel' }));
  row.upload = upload;
  return row;
}

function drawFile(row) {
  const { stage, share, problem, name } = row.upload;
  const [bar, again, leave] = [row.querySelector('progress'), row.querySelector('.again'), row.querySelector('.cancel')];
  const stopped = stage === 'lost' || stage === 'refused';
  row.dataset.stage = stage;
  bar.hidden = stopped;
  if (stage === 'reading') bar.removeAttribute('value');
  else bar.value = share;
  say(row.querySelector('.stage'), STAGES[stage] ?? `${Math.floor(100 * share)} %`);
  say(row.querySelector('.problem'), problem ? `${problem.title} ${problem.next_step}` : '');
  again.hidden = stage !== 'lost';
  again.setAttribute('aria-label', `Try again: ${name}`);
  say(leave, stopped ? 'Leave it' : 'Cancel');
  leave.setAttribute('aria-label', `${leave.textContent}: ${name}`);
}

function drawFiles(state) {
  const list = state.root.querySelector('.incoming');
  for (const row of [...list.children]) if (!state.files.includes(row.upload)) row.remove();
  const drawn = new Set([...list.children].map((row) => row.upload));
  list.append(...state.files.filter((each) => !drawn.has(each)).map((each) => fileRow(state, each)));
  [...list.children].forEach(drawFile);
  list.hidden = !state.files.length;
}
