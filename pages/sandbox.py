"""Rehearse what can go wrong at a platform, on the sandbox, before it happens for real."""

import streamlit as st

from socialcore import rehearsal
from socialcore.operators import Capability
from socialcore.rehearsal import Double, Fault
from ui import notices, session, shell, words
from ui.parts import empty, note, quiet
from ui.platforms import PLATFORMS
from ui.view import h, show

operator = session.require(Capability.TEST)
shell.header("Sandbox", "Doubles of the four platforms on this machine. What goes wrong here is what you switch on.")
url = session.settings().sandbox_url or ""
doubles: dict[str, Double] = {}
with notices.explained():
    if url:
        doubles = {each.name: each for each in rehearsal.doubles(url)}
    else:
        show(empty("plug", "No sandbox here.", "This installation publishes to the real platforms only."), key="none")
ENDS = {"always": "until I switch it off", "once": "for the next call", "often": "for so many calls"}


@notices.action
def switch_on(platform: str, fault: Fault) -> None:
    operator.require(Capability.TEST)
    ends = session.widget("ends")
    times = {"always": None, "once": 1}.get(ends, session.widget("times"))
    seconds = session.widget("seconds") if "seconds" in fault.parameters else None
    error = session.widget("error") if fault.is_worded else None
    rehearsal.switch_on(url, platform, fault.kind, times=times, seconds=seconds, error=error)


@notices.action
def switch_off(fault_id: int | None = None) -> None:
    operator.require(Capability.TEST)
    rehearsal.switch_off(url, fault_id)


def choose() -> None:
    """Pick a platform and what goes wrong there."""
    platform = st.segmented_control(
        "Platform", list(doubles), default=next(iter(doubles)), required=True, key="platform",
        format_func=lambda each: PLATFORMS[each].label,
    )  # fmt: skip
    double: Double = doubles[platform]
    faults = {each.kind: each for each in double.faults}
    kind = st.selectbox(
        "What goes wrong", list(faults), key=f"kind-{platform}", format_func=lambda each: faults[each].says
    )
    fault = faults[kind]
    if "seconds" in fault.parameters:
        st.number_input("Seconds", min_value=0.0, value=5.0, key="seconds")
    if fault.is_worded:
        st.text_input("Error, in the platform's word", value="channel_not_found", key="error")
    st.segmented_control("How long", list(ENDS), default="once", required=True, key="ends",
                         format_func=lambda each: quiet(ENDS[each]))  # fmt: skip
    if session.widget("ends") == "often":
        st.number_input("Calls", min_value=1, value=3, step=1, key="times")
    st.button("Switch on", key="switch_on", type="primary", on_click=switch_on, args=(platform, fault))


@st.fragment(run_every="2s")
def live() -> None:
    with notices.explained():
        found, complaints = rehearsal.in_force(url), rehearsal.complaints(url)
        st.header("Switched on", anchor=False)
        if not found:
            show(empty("check", "Nothing goes wrong.", "The doubles answer as the platforms do."), key="nothing")
        for each in found:
            says = next(fault.says for fault in doubles[each.platform].faults if fault.kind == each.kind)
            ends = "until it is switched off" if each.times is None else f"for {words.counted(each.times, 'call')}"
            with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"fault-{each.id}"):
                said = [
                    says,
                    *([each.error] if each.error else []),
                    ends,
                    f"met {words.counted(each.fired, 'time')} so far",
                ]
                show(note("orange", PLATFORMS[each.platform].name, " · ".join(said)), key=f"says-{each.id}")
                st.button("Switch off", key=f"off-{each.id}", on_click=switch_off, args=(each.id,))
        if len(found) > 1:
            st.button("Switch all off", key="all_off", on_click=switch_off)
        st.header("Complaints", anchor=False)
        if not complaints:
            show(empty("check", "No complaint.", "Every request was one that the platform documents."), key="fine")
        for number, each in enumerate(reversed(complaints[-20:])):
            title = f"{PLATFORMS[each.platform].name}, {each.method}"
            show(note("red", title, each.about), key=f"complaint-{number}")
        shell.follow()


if doubles:
    show(h("p.small", h("a", "See everything that was posted", href=url, target="_blank")), key="posted")
    left, right = st.columns([2, 3], gap="large")
    with left, st.container(border=True, key="rehearse"):
        choose()
    with right:
        live()
