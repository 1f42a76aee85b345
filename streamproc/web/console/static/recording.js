// A phrase's recording, in the local mode alone: the waveform with the words' times, to be played whole or by the word.
import { ask, el } from "./page.js";

const RATE = 16000;
let context = null;
let playing = null;

export function recording(source, phrase) {
  const canvas = el("canvas", { role: "img", "aria-label": "The recording's waveform, with the time of each word" });
  const button = el("button", { type: "button", text: "▶ Play", disabled: true });
  const note = el("span", { class: "soft small", text: "The recording comes …" });
  const shown = el("div", { class: "wave" }, canvas, el("div", { class: "wave-bar" }, button, note));
  let sound = null;

  const draw = () => paint(canvas, sound, phrase.words);
  ask(`recordings/${source.partition}/${source.offset}/${phrase.index}`, { raw: true })
    .then((answer) => answer.arrayBuffer())
    .then((bytes) => new OfflineAudioContext(1, 1, RATE).decodeAudioData(bytes))
    .then((decoded) => {
      sound = decoded;
      button.disabled = false;
      note.textContent = `${sound.duration.toFixed(1)} s; a word is heard when it is chosen`;
      draw();
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
      new ResizeObserver(draw).observe(canvas);
    })
    .catch((problem) => {
      canvas.hidden = true;
      button.hidden = true;
      note.textContent = `No recording: ${problem.message}`;
    });

  const hear = (from, until) => {
    if (!sound) return;
    context ??= new AudioContext();
    context.resume();
    if (playing) playing.stop();
    playing = context.createBufferSource();
    playing.buffer = sound;
    playing.connect(context.destination);
    playing.start(0, from, until === undefined ? undefined : until - from);
    button.dataset.played = String(Number(button.dataset.played ?? 0) + 1);
  };
  button.addEventListener("click", () => hear(0));
  canvas.addEventListener("click", (event) => {
    if (!sound) return;
    const at = (event.offsetX / canvas.clientWidth) * sound.duration * 1000;
    const word = phrase.words.find((one) => one.start_ms !== null && one.start_ms <= at && at <= one.end_ms);
    if (word) hear(word.start_ms / 1000, word.end_ms / 1000);
    else hear(at / 1000);
  });
  return { shown, play: (word) => hear(word.start_ms / 1000, word.end_ms / 1000) };
}

function paint(canvas, sound, words) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const pen = canvas.getContext("2d");
  // As many dots as the screen has there: names of words stay legible on narrow ones.
  const scale = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = width * scale;
  canvas.height = height * scale;
  pen.scale(scale, scale);
  const middle = (height - 16) / 2;
  pen.clearRect(0, 0, width, height);
  const x = (milliseconds) => (milliseconds / 1000 / sound.duration) * width;
  const names = { CORRECT: "--correct", ACCEPTED: "--accepted", MISPRONOUNCED: "--mispronounced", OMITTED: "--omitted", INSERTED: "--inserted" };
  for (const word of words) {
    if (word.start_ms === null) continue;
    pen.globalAlpha = 0.16;
    pen.fillStyle = colour(names[word.verdict] ?? "--unjudged");
    pen.fillRect(x(word.start_ms), 0, Math.max(1, x(word.end_ms) - x(word.start_ms) - 1), height);
    pen.globalAlpha = 1;
  }
  const samples = sound.getChannelData(0);
  const step = Math.max(1, Math.floor(samples.length / width));
  let loudest = 0.01;
  for (let index = 0; index < samples.length; index += 1) loudest = Math.max(loudest, Math.abs(samples[index]));
  pen.fillStyle = colour("--wave");
  for (let column = 0; column < width; column += 1) {
    let peak = 0;
    for (let index = column * step; index < Math.min(samples.length, (column + 1) * step); index += 1) peak = Math.max(peak, Math.abs(samples[index]));
    const tall = Math.max(1, (peak / loudest) * (middle - 2));
    pen.fillRect(column, middle - tall, 1, 2 * tall);
  }
  pen.font = "13px system-ui, sans-serif";
  for (const word of words) {
    if (word.start_ms === null) continue;
    pen.fillStyle = colour(names[word.verdict] ?? "--unjudged");
    const room = x(word.end_ms) - x(word.start_ms) - 2;
    if (room > 14) pen.fillText(word.text ?? "+", x(word.start_ms) + 2, height - 3, room);
  }
}
