/* The page: controls, the address, and when what is drawn. Every number comes from numbers_of. */

const FIELDS = [...document.querySelectorAll("#controls input[type=number]")];
const CHOICE = element("penalty"), TYPED = element("typed"), AXES = [...document.querySelectorAll("input[name=axis]")];
const PHASE = { columns: 36, rows: 28, bisections: 24 }, PATH = 60;
const SLICE = 12, REST = 200, PAUSE = 600;

const slider_of = (field) => element(`${field.id}-slider`);
const is_even = (slider) => slider.dataset.scale === undefined;

/* The state and the address. */

function start_state() {
    const start = FIELDS.map((field) => [field.id, Number(field.defaultValue)]);
    return { penalty: CHOICE.querySelector("[selected]").value, ...Object.fromEntries(start), axis: "sigma_n" };
}

/* The value if the field allows it, else the nearest that it does; NaN stays as it was. */
function allowed(field, value, before) {
    if (!Number.isFinite(value)) return before;
    const inside = clip(value, ...limits(field));
    return field.id === "K" ? Math.round(inside) : inside;
}

/* Why a text is no penalty; null if it is one. */
function refused(text) {
    if (Object.hasOwn(PENALTIES, text)) return null;
    try {
        typed_penalty(text);
        return null;
    } catch (error) {
        if (!(error instanceof TypingError)) throw error;
        return error.message;
    }
}

/* What the address says; a penalty in it that is none is shown as if it had been typed. */
function take_address() {
    const given = new URLSearchParams(location.hash.slice(1));
    const found = start_state(), penalty = given.get("penalty"), axis = given.get("axis");
    const why = penalty ? refused(penalty) : null;
    if (penalty && why === null) found.penalty = penalty;
    if (AXES.some((input) => input.value === axis)) found.axis = axis;
    for (const field of FIELDS) {
        if (given.get(field.id)) found[field.id] = allowed(field, Number(given.get(field.id)), found[field.id]);
    }
    tell_typed(null);
    change(found, null);
    if (why !== null) TYPED.value = penalty;
    tell_typed(why);
}

function write_address() {
    const unused = FIELDS.filter((field) => field.closest("[hidden]")).map((field) => field.id);
    const given = Object.entries(state).filter(([name]) => !unused.includes(name));
    history.replaceState(null, "", `#${new URLSearchParams(given)}`);
}

/* The controls. */

let state = start_state();

function fill_controls(source) {
    const known = Object.hasOwn(PENALTIES, state.penalty);
    CHOICE.value = known ? state.penalty : "";
    /* What is being mended stays. */
    if (source !== TYPED && TYPED.ariaInvalid !== "true") TYPED.value = known ? "" : state.penalty;
    for (const formula of document.querySelectorAll(".penalty")) {
        formula.hidden = formula.dataset.penalty !== (known ? state.penalty : "");
    }
    if (!known) element("typed-formula").innerHTML = penalty_of(state).math;
    for (const part of document.querySelectorAll("[data-of]")) {
        part.hidden = !part.dataset.of.split(" ").includes(state.penalty);
    }
    for (const input of AXES) input.checked = input.value === state.axis;
    for (const field of FIELDS) {
        const slider = slider_of(field), value = state[field.id];
        if (field !== source) {
            field.value = value;
            field.removeAttribute("aria-invalid");
        }
        if (slider !== source) slider.value = is_even(slider) ? value : LOGIT.to(value);
        if (!is_even(slider)) slider.setAttribute("aria-valuetext", short(value));
    }
    const { alpha, K } = state;
    element("labels").textContent = `One-hot labels become ${short(1 - alpha + alpha / K)} for the true class and `
        + `${short(alpha / K)} for ${K > 2 ? `each of the other ${K - 1}` : "the other"}. `
        + `Those who spread over the others alone call this ε = ${short(alpha * (K - 1) / K)}.`;
}

/* A text that is a penalty is taken at once; of one that is none it is said when the typing pauses. */
function take_typed() {
    const text = TYPED.value.trim(), why = text === "" ? null : refused(text);
    clearTimeout(pausing);
    if (why !== null) pausing = setTimeout(() => tell_typed(why), PAUSE);
    else tell_typed(null);
    if (why === null && text !== "") change({ penalty: text }, TYPED);
}

function tell_typed(why) {
    TYPED.setAttribute("aria-invalid", String(why !== null));
    element("typed-note").textContent = why === null ? "" : `Not f(z): ${why}.`;
}

/* Drawing: cheap figures at once, the rest in slices when the controls rest. */

let solution = null, waiting = 0, pausing = 0, resting = 0, slice = 0;
const path = { key: "", points: [], equal: null }, grid = { key: "", columns: [], rows: [], values: [] };

/* The choices without those along which a figure runs. */
const key_of = (...moving) => JSON.stringify({ ...state, ...Object.fromEntries(moving.map((name) => [name, null])) });
const path_key = () => key_of(state.axis);
const grid_key = () => key_of("axis", "sigma_f", "sigma_n");

function draw() {
    waiting = 0;
    solution = solution_of(state, solution);
    const numbers = numbers_of(state, solution);
    for (const [name, value] of Object.entries(numbers)) {
        const shown = element(`n-${name}`);
        shown.value = shown.title = String(value);
        shown.textContent = short(value, name === "residual" ? 2 : 6);
    }
    element("python").textContent = python_of(state);
    draw_loss(state, numbers);
    draw_targets(state, numbers);
    draw_logits(state, numbers, solution);
    draw_direction(state, numbers, solution);
    draw_slices(numbers);
    clearTimeout(resting);
    clearTimeout(slice);
    resting = setTimeout(() => {
        element("summary").textContent = summary_of(state, numbers, solution);
        write_address();
        compute(numbers);
    }, REST);
}

/* What is known of the figures that take time; faded where it belongs to other choices. */
function draw_slices(numbers) {
    const fresh = [path.key === path_key(), grid.key === grid_key()];
    if (fresh[0]) draw_accuracies(state, numbers, { axis: state.axis, path: path.points, equal: path.equal });
    if (fresh[1]) draw_phase(state, numbers, grid);
    ["accuracies", "phase"].forEach((id, i) => element(id).classList.toggle("stale", !fresh[i]));
}

function compute(numbers) {
    const work = slices();
    const go_on = () => {
        const until = performance.now() + SLICE;
        let done = false;
        while (!done && performance.now() < until) done = work.next().done;
        draw_slices(numbers);
        document.body.dataset.busy = String(!done);
        if (!done) slice = setTimeout(go_on);
    };
    go_on();
}

/* Zero strength is infinitely far to the left; lambda = 1, where the weights diverge, must not be missed. */
function points_on(axis) {
    if (axis === "alpha") return places(LOGIT.low, LOGIT.high, PATH).slice(1).map(LOGIT.from);
    const even = places(...limits(element(axis)), PATH);
    return axis === "lambda" ? [...even, 1].sort((a, b) => a - b) : even;
}

function* slices() {
    const { axis } = state;
    if (path.key !== path_key() || path.equal === null) {
        Object.assign(path, { key: path_key(), points: [], equal: null });
        for (const point of accuracies_along(axis, state, points_on(axis))) {
            path.points.push(point);
            yield;
        }
        path.equal = crossings(axis, state, path.points);
    }
    if (grid.key !== grid_key() || grid.values.length < PHASE.columns) {
        const middles = (id, n) => places(...limits(element(id)), 2 * n).filter((_, i) => i % 2 === 1);
        const columns = middles("sigma_f", PHASE.columns), rows = middles("sigma_n", PHASE.rows);
        Object.assign(grid, { key: grid_key(), columns, rows, values: [] });
        for (const column of benefits(state, columns, rows, PHASE.bisections)) {
            grid.values.push(column);
            yield;
        }
    }
}

function change(changes, source) {
    state = { ...state, ...changes };
    document.body.dataset.busy = "true";
    fill_controls(source);
    if (!waiting) waiting = requestAnimationFrame(draw);
}

for (const field of FIELDS) {
    const slider = slider_of(field), name = field.id;
    slider.addEventListener("input", () => {
        const place = slider.valueAsNumber;
        change({ [name]: is_even(slider) ? place : LOGIT.from(place) }, slider);
    });
    field.addEventListener("input", () => {
        const value = field.valueAsNumber, inside = allowed(field, value, state[name]);
        change({ [name]: inside }, field);
        field.setAttribute("aria-invalid", String(value !== inside));
    });
    field.addEventListener("change", () => fill_controls(null));
}
CHOICE.addEventListener("change", () => {
    clearTimeout(pausing);
    tell_typed(null);
    if (CHOICE.value === "") TYPED.focus();
    else change({ penalty: CHOICE.value }, CHOICE);
});
TYPED.addEventListener("input", take_typed);
for (const input of AXES) input.addEventListener("change", () => change({ axis: input.value }, input));
element("controls").addEventListener("submit", (event) => event.preventDefault());
element("controls").addEventListener("reset", (event) => {
    event.preventDefault();
    tell_typed(null);
    change(start_state(), null);
});
element("phase").addEventListener("click", (event) => {
    const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(element("phase").getScreenCTM().inverse());
    const inside = (id, at) => allowed(element(id), Number(at.toFixed(2)), state[id]);
    const f = scale(FRAME.left, FRAME.right, ...limits(element("sigma_f")))(place.x);
    const n = scale(FRAME.bottom, FRAME.top, ...limits(element("sigma_n")))(place.y);
    change({ sigma_f: inside("sigma_f", f), sigma_n: inside("sigma_n", n) }, null);
});
/* On a narrow screen the controls lie below the figures, folded away at first. */
const wide = matchMedia("(min-width: 56rem)");
const unfold = () => { element("panel").open = wide.matches; };
wide.addEventListener("change", unfold);
unfold();
addEventListener("hashchange", take_address);
take_address();
