/* The page: controls, figures and the address. Every number comes from numbers_of. */

const FIELDS = [...document.querySelectorAll("#controls input[type=number]")];
const CHOICE = document.getElementById("penalty");
const FRAME = { left: 42, right: 350, top: 12, bottom: 196 };
const PHASE = { columns: 36, rows: 28, bisections: 24 };

const element = (id) => document.getElementById(id);
const limits = (field) => [Number(field.min), Number(field.max)];

function short(x, digits = 4) {
    if (x === null) return "–";
    if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
    return String(Number(x.toPrecision(digits))).replace("-", "−");
}

const percent = (x) => `${(100 * x).toFixed(2)} %`;
const degrees = (c) => `${(Math.acos(c) * 180 / Math.PI).toFixed(1)}°`;

/* The state and the address. */

function start_state() {
    const start = FIELDS.map((field) => [field.id, Number(field.defaultValue)]);
    return { penalty: "quadratic", ...Object.fromEntries(start) };
}

/* The value if the field allows it, else the nearest that it does; NaN stays as it was. */
function allowed(field, value, before) {
    if (!Number.isFinite(value)) return before;
    const [low, high] = limits(field);
    const inside = Math.min(Math.max(value, low), high);
    return field.id === "K" ? Math.round(inside) : inside;
}

function state_of_address() {
    const given = new URLSearchParams(location.hash.slice(1));
    const found = start_state();
    if (Object.hasOwn(PENALTIES, given.get("penalty"))) found.penalty = given.get("penalty");
    for (const field of FIELDS) {
        if (given.get(field.id)) found[field.id] = allowed(field, Number(given.get(field.id)), found[field.id]);
    }
    return found;
}

function write_address() {
    history.replaceState(null, "", `#${new URLSearchParams(Object.entries(state))}`);
}

/* Figures: inner SVG as text. */

function scale(low, high, from, to) {
    return (x) => from + (x - low) / (high - low) * (to - from);
}

function ticks(low, high, count = 5) {
    const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
    const found = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) found.push(i * step);
    return found;
}

function frame([x_low, x_high], [y_low, y_high], x_name) {
    const { left, right, top, bottom } = FRAME;
    const x = scale(x_low, x_high, left, right), y = scale(y_low, y_high, bottom, top);
    let text = `<path class="axis" d="M${left} ${top}V${bottom}H${right}"/>`;
    for (const t of ticks(x_low, x_high)) {
        text += `<path class="axis" d="M${x(t)} ${bottom}v4"/>`
            + `<text x="${x(t)}" y="${bottom + 17}" text-anchor="middle">${short(t)}</text>`;
    }
    for (const t of ticks(y_low, y_high, 4)) {
        text += `<path class="axis" d="M${left} ${y(t)}h-4"/>`
            + `<text x="${left - 7}" y="${y(t) + 4}" text-anchor="end">${short(t)}</text>`;
    }
    text += `<text class="strong" x="${right}" y="${bottom + 32}" text-anchor="end">${x_name}</text>`;
    return { x, y, text };
}

function curve(f, [low, high], { x, y }, name, pieces = 160) {
    let path = "", pen = "M";
    const ceiling = FRAME.top - 4, floor = FRAME.bottom + 2;
    for (let i = 0; i <= pieces; i++) {
        const at = low + (high - low) * i / pieces, value = f(at), place = y(value);
        if (value === null || !(place >= ceiling && place <= floor)) {
            pen = "M";
            continue;
        }
        path += `${pen}${x(at).toFixed(2)} ${place.toFixed(2)}`;
        pen = "L";
    }
    return `<path class="line ${name}" d="${path}"/>`;
}

function upright(at, label, { x }) {
    const beyond = x(at) > 280;
    return `<path class="mark" d="M${x(at)} ${FRAME.top}V${FRAME.bottom}"/>`
        + `<text class="strong" x="${x(at) + (beyond ? -5 : 5)}" y="${FRAME.top + 8}" `
        + `text-anchor="${beyond ? "end" : "start"}">${label}</text>`;
}

function show(id, text, note) {
    element(id).innerHTML = text;
    element(`${id}-note`).textContent = note;
}

function draw_loss({ alpha, penalty }, { target, loss }) {
    const across = [-3, Math.max(4, 1.5 * target)];
    const total = (z) => PENALTIES[penalty].loss(z, alpha);
    const plain = (z) => PENALTIES[penalty].loss(z, 0);
    const axes = frame(across, [Math.min(0, 1.2 * loss), Math.max(3, 1.5 * loss)], "logit z");
    const dot = `<circle class="dot" cx="${axes.x(target)}" cy="${axes.y(loss)}" r="5"/>`;
    show("loss", axes.text + curve(plain, across, axes, "three dashed") + upright(target, "z*", axes)
        + curve(total, across, axes, "one", 600) + dot,
        `Least at z* = ${short(target)}, where the loss is ${short(loss)}.`);
}

function draw_targets({ alpha, K, penalty }, { target, gap }) {
    const entry = PENALTIES[penalty], across = [0, 1];
    const inner = (f) => (a) => (a > 0 && a < 1 ? f(a) : null);
    const axes = frame(across, [0, Math.max(6, 1.2 * target, 1.2 * (gap ?? 0))], "strength α");
    const dot = (at, name) => (at === null ? ""
        : `<circle class="dot ${name}" cx="${axes.x(alpha)}" cy="${axes.y(at)}" r="4.5"/>`);
    show("targets", axes.text + upright(alpha, "α", axes)
        + (gap === null ? "" : curve(inner((a) => gap_of(entry, a, K)), across, axes, "two"))
        + curve(inner((a) => target_of(entry, a)), across, axes, "one") + dot(gap) + dot(target),
        gap === null ? `No closed form for ${K} classes.`
            : `Two classes: ${short(target)}; ${K} classes: a gap of ${short(gap)}.`);
}

function draw_logits({ lambda }, { target, mean, deviation, train_mean, train_deviation }) {
    if (!Number.isFinite(deviation)) {
        return show("logits", "", "At λ = 1 the weights diverge, and so do the logits.");
    }
    const bell = (m, s) => (z) => normal_density((z - m) / s) / s;
    const width = 3.2 * deviation;
    const across = [Math.min(0, mean - width), Math.max(1.2 * target, mean + width)];
    const fresh = bell(mean, deviation), trained = bell(train_mean, train_deviation);
    const narrow = train_deviation > deviation / 6 ? 1 / train_deviation : 6 / deviation;
    const axes = frame(across, [0, 0.45 * narrow], "logit z");
    const spike = `<path class="line two" d="M${axes.x(target)} ${FRAME.bottom}V${FRAME.top + 14}"/>`;
    const training = lambda > 1 ? spike : curve(trained, across, axes, "two", 600);
    show("logits", axes.text + upright(target, "z*", axes) + curve(fresh, across, axes, "one") + training,
        `Fresh: ${short(mean)} ± ${short(deviation)}. `
        + (lambda > 1 ? "Every training logit is z*." : `Training: ${short(train_mean)} ± ${short(train_deviation)}.`));
}

function draw_direction(_, numbers) {
    const origin = [50, 196], length = 165;
    const arrow = (rho, name) => {
        const sine = Math.sqrt(Math.max(0, (1 - rho) * (1 + rho)));
        const tip = [origin[0] + length * rho, origin[1] - length * sine];
        const wing = (side) => {
            const a = Math.atan2(sine, rho) + Math.PI + side * 0.35;
            return `L${tip[0] + 11 * Math.cos(a)} ${tip[1] - 11 * Math.sin(a)}`;
        };
        return `<path class="line ${name}" d="M${origin}L${tip}M${tip}${wing(1)}M${tip}${wing(-1)}"/>`;
    };
    const quarter = `<path class="axis" stroke-dasharray="2 4" d="M${origin[0] + length} ${origin[1]}`
        + `A${length} ${length} 0 0 0 ${origin[0]} ${origin[1] - length}"/>`;
    const axes = `<path class="axis" d="M${origin[0]} ${origin[1] - length - 10}V${origin[1]}h${length + 25}"/>`
        + `<text class="strong" x="${origin[0] + length + 30}" y="${origin[1] + 4}">Fisher's: the signal</text>`
        + `<text x="${origin[0] + 8}" y="${origin[1] - length - 4}">noise</text>`;
    const { cosine: rho, margin_cosine } = numbers;
    show("direction", quarter + axes + arrow(rho, "one") + (margin_cosine === null ? "" : arrow(margin_cosine, "two")),
        `${degrees(rho)} from the signal with regularisation`
        + (margin_cosine === null ? "." : `, ${degrees(margin_cosine)} for max margin.`));
}

function draw_accuracies({ lambda, mu_f, sigma_f, sigma_n }, numbers) {
    const across = limits(element("sigma_n"));
    const regularised = (s) => regularised_accuracy(lambda, mu_f, sigma_f, s);
    const widest = (s) => max_margin_accuracy(lambda, mu_f, sigma_f, s);
    const separable = numbers.margin !== null;
    const ends = across.flatMap((s) => (separable ? [regularised(s), widest(s)] : [regularised(s)]));
    const axes = frame(across, [Math.max(0, Math.min(0.5, ...ends) - 0.02), 1], "σn");
    const points = crossings(lambda, mu_f, sigma_f, ...across);
    show("accuracies", axes.text + upright(sigma_n, "σn", axes)
        + (separable ? curve(widest, across, axes, "two", 60) : "") + curve(regularised, across, axes, "one", 60),
        (lambda < 1 ? "With regularisation accuracy does not depend on σn. " : "")
        + (!separable ? "" : points.length ? `Equal at σn = ${points.map((s) => short(s)).join(" and ")}.`
            : `No crossing for σn from ${short(across[0])} to ${short(across[1])}.`));
}

/* The benefit on a grid of (sigma_f, sigma_n), kept while lambda and mu_f stay. */
let grid = { key: "" };

const grid_key = ({ lambda, mu_f }) => `${lambda} ${mu_f}`;

function benefit_grid(state) {
    const { lambda, mu_f } = state, key = grid_key(state);
    if (grid.key !== key) {
        const middle = (id, i, n) => {
            const [low, high] = limits(element(id));
            return low + (high - low) * (i + 0.5) / n;
        };
        const columns = Array.from({ length: PHASE.columns }, (_, i) => middle("sigma_f", i, PHASE.columns));
        const rows = Array.from({ length: PHASE.rows }, (_, i) => middle("sigma_n", i, PHASE.rows));
        grid = { key, columns, rows, values: columns.map((f) => rows.map((n) => benefit(lambda, mu_f, f, n, PHASE.bisections))) };
    }
    return grid;
}

function draw_phase(state, numbers) {
    const { columns, rows, values } = benefit_grid(state);
    const axes = frame(limits(element("sigma_f")), limits(element("sigma_n")), "σf");
    const most = Math.max(1e-9, ...values.flat().map(Math.abs));
    const wide = (FRAME.right - FRAME.left) / columns.length, tall = (FRAME.bottom - FRAME.top) / rows.length;
    let cells = "", edge = "", pen = "M";
    columns.forEach((f, i) => {
        let met = false;
        rows.forEach((n, j) => {
            const value = values[i][j], next = values[i][j + 1];
            const name = value === null ? "none" : value > 0 ? "one" : "two";
            const strength = value === null ? 0.6 : Math.sqrt(Math.abs(value) / most);
            cells += `<rect class="cell ${name}" x="${(FRAME.left + i * wide).toFixed(2)}" `
                + `y="${(FRAME.bottom - (j + 1) * tall - 0.5).toFixed(2)}" width="${(wide + 0.5).toFixed(2)}" `
                + `height="${(tall + 0.5).toFixed(2)}" style="--strength: ${(100 * strength).toFixed(1)}%"/>`;
            if (value !== null && next !== undefined && value < 0 !== next < 0 && !met) {
                const at = n + (rows[1] - rows[0]) * value / (value - next);
                edge += `${pen}${axes.x(f).toFixed(2)} ${axes.y(at).toFixed(2)}`;
                pen = "L";
                met = true;
            }
        });
        if (!met) pen = "M";
    });
    const dot = `<circle class="dot" cx="${axes.x(state.sigma_f)}" cy="${axes.y(state.sigma_n)}" r="5.5"/>`;
    const name = `<text class="strong" x="${FRAME.left - 36}" y="${FRAME.top - 2}">σn</text>`;
    const { benefit: gain } = numbers;
    show("phase", `${cells}${axes.text}<path class="edge" d="${edge}"/>${name}${dot}`,
        gain === null ? "Here the data is not separable: there is no max margin."
            : `Here the benefit is ${points_of(gain)}; the strongest colour is ${points_of(most)}. Touch to move.`);
}

function points_of(gain) {
    return `${gain < 0 ? "−" : ""}${(100 * Math.abs(gain)).toFixed(2)} points`;
}

function summary_of({ penalty, alpha, lambda }, numbers) {
    const { target, mean, deviation, accuracy: regularised, margin_accuracy, benefit: gain } = numbers;
    const first = `With the penalty ${penalty} at α = ${short(alpha)} the target is z* = ${short(target)}. `
        + `Fresh logits are ${short(mean)} ± ${short(deviation)}, and ${percent(regularised)} of them are right. `;
    if (gain === null) {
        return `${first}Data is not separable at λ = ${short(lambda)}: it would be above ${short(numbers.threshold)}.`;
    }
    return `${first}Max margin is right for ${percent(margin_accuracy)}: regularisation `
        + (gain < 0 ? `loses ${points_of(-gain)}.` : `gains ${points_of(gain)}.`);
}

/* Putting it together. */

let state = state_of_address();
let waiting = 0, resting = 0;

function fill_controls(source) {
    CHOICE.value = state.penalty;
    for (const field of FIELDS) {
        const slider = element(`${field.id}-slider`);
        if (field !== source) field.value = state[field.id];
        if (slider !== source) slider.value = state[field.id];
    }
    for (const formula of document.querySelectorAll(".penalty")) {
        formula.hidden = formula.dataset.penalty !== state.penalty;
    }
}

function draw() {
    waiting = 0;
    const numbers = numbers_of(state);
    for (const [name, value] of Object.entries(numbers)) {
        element(`n-${name}`).value = String(value);
        element(`n-${name}`).textContent = short(value);
    }
    draw_loss(state, numbers);
    draw_targets(state, numbers);
    draw_logits(state, numbers);
    draw_direction(state, numbers);
    draw_accuracies(state, numbers);
    if (grid.key === grid_key(state)) draw_phase(state, numbers);
    /* When the slider rests: a screen reader is told, and the grid computed. */
    clearTimeout(resting);
    resting = setTimeout(() => {
        draw_phase(state, numbers);
        element("summary").textContent = summary_of(state, numbers);
        write_address();
    }, 250);
}

function change(changes, source) {
    state = { ...state, ...changes };
    fill_controls(source);
    if (!waiting) waiting = requestAnimationFrame(draw);
}

for (const field of FIELDS) {
    const slider = element(`${field.id}-slider`);
    const take = (input) => change({ [field.id]: allowed(field, input.valueAsNumber, state[field.id]) }, input);
    slider.addEventListener("input", () => take(slider));
    field.addEventListener("input", () => take(field));
    field.addEventListener("change", () => fill_controls(null));
}
CHOICE.addEventListener("change", () => change({ penalty: CHOICE.value }, CHOICE));
element("controls").addEventListener("submit", (event) => event.preventDefault());
element("controls").addEventListener("reset", (event) => {
    event.preventDefault();
    change(start_state(), null);
});
element("phase").addEventListener("click", (event) => {
    const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(element("phase").getScreenCTM().inverse());
    const inside = (id, at) => allowed(element(id), Number(at.toFixed(2)), state[id]);
    const f = scale(FRAME.left, FRAME.right, ...limits(element("sigma_f")))(place.x);
    const n = scale(FRAME.bottom, FRAME.top, ...limits(element("sigma_n")))(place.y);
    change({ sigma_f: inside("sigma_f", f), sigma_n: inside("sigma_n", n) }, null);
});
addEventListener("hashchange", () => change(state_of_address(), null));

fill_controls(null);
draw();
