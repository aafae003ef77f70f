"""Pictures and videos in a real browser: brought in every way, described, ordered, cropped; and what goes wrong."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.browsing import settled
from tests.browser.cutting import wire
from tests.browser.test_journey import LOOKS, act_for, browser, button, look_at, stack, visit
from tests.dashboard import Dashboard
from tests.footage import footage
from tests.waiting import wait_for

__all__ = ["browser", "stack"]  # the fixtures

pytestmark = pytest.mark.browser

ALT = "Describe it for people who do not see it"
DROPPED = """([name, type, bytes]) => {
  const dropped = new DataTransfer();
  dropped.items.add(new File([new Uint8Array(bytes)], name, { type }));
  return dropped;
}"""
COPIED = """async (bytes) => {
  const blob = new Blob([new Uint8Array(bytes)], { type: 'image/png' });
  await navigator.clipboard.write([new ClipboardItem({ 'image/png': blob })]);
}"""


def photo(width: int = 800, height: int = 600, form: str = "JPEG", *, colour: str = "orange") -> bytes:
    drawn = Image.effect_noise((width, height), 40).convert("RGB")
    drawn.paste(colour, (width // 4, height // 4, width // 2, height // 2))
    written = io.BytesIO()
    drawn.save(written, form, quality=90)
    return written.getvalue()


def file(name: str, data: bytes, kind: str = "image/jpeg") -> dict:
    return {"name": name, "mimeType": kind, "buffer": data}


def pick(page: Page, *files: dict) -> None:
    page.locator("input[type=file]").set_input_files(list(files))


def cards(page: Page) -> Locator:
    return page.locator(".media .card")


def widths(page: Page) -> list[str]:
    return [each.split(" ")[0] for each in cards(page).locator(".facts").all_inner_texts()]


def draft(stack: Dashboard) -> dict:
    """The newest draft, as it is stored."""
    return stack.sql("select content from composer.drafts order by updated_at desc limit 1")[0][0]


@contextmanager
def composing(browser: Browser, stack: Dashboard, **how: object) -> Iterator[Page]:
    with visit(browser, stack, "/compose", **how) as page:  # type: ignore[arg-type]
        act_for(page, "Harbor Bakery")
        if button(page, "Discard").is_enabled():
            button(page, "Discard").click()
            settled(page)
        page.locator("textarea").first.fill("Rolls from eight")
        settled(page)
        yield page


class TestBringingIn:
    def test_by_picking_several_which_stay_in_their_order(self, browser: Browser, stack: Dashboard):
        with composing(browser, stack) as page:
            with page.expect_file_chooser() as opened:
                page.get_by_role("button", name="Add pictures or a video").press("Enter")
            opened.value.set_files(
                [file("large.jpg", photo(2400, 1800)), file("small.jpg", photo()), file("third.png", photo(500, 500))]  # type: ignore[list-item]
            )
            expect(cards(page)).to_have_count(3)
            assert widths(page) == ["2,400", "800", "500"]
            expect(page.locator(".media .count")).to_have_text("0 of 3 described")
            expect(cards(page).first.locator(".fits")).to_contain_text("of 1 MB")
            expect(page.locator(".st-key-previews .pictures img")).to_have_count(3)
            settled(page)
        assert len(draft(stack)["media"]) == 3

    def test_by_dropping_anywhere_on_the_page(self, browser: Browser, stack: Dashboard):
        with composing(browser, stack) as page:
            dropped = page.evaluate_handle(DROPPED, ["rolls.jpg", "image/jpeg", list(photo())])
            page.get_by_role("heading", name="Compose").dispatch_event("dragover", {"dataTransfer": dropped})
            expect(page.locator(".media.over")).to_have_count(1)
            page.get_by_role("heading", name="Compose").dispatch_event("drop", {"dataTransfer": dropped})

            expect(cards(page)).to_have_count(1)
            expect(page.locator("textarea").first).to_have_value("Rolls from eight")  # the page is still there

    def test_by_pasting_while_writing(self, browser: Browser, stack: Dashboard):
        with composing(browser, stack) as page:
            page.context.grant_permissions(["clipboard-read", "clipboard-write"])
            page.locator("textarea").first.click()
            page.evaluate(COPIED, list(photo(form="PNG")))
            page.keyboard.press("Control+v")
            expect(cards(page)).to_have_count(1)

            page.locator("textarea").first.click()
            page.evaluate("navigator.clipboard.writeText(', and loaves')")
            page.keyboard.press("Control+End")
            page.keyboard.press("Control+v")

            expect(page.locator("textarea").first).to_have_value("Rolls from eight, and loaves")
            expect(cards(page)).to_have_count(1)

    def test_the_same_again_is_said_and_not_doubled(self, browser: Browser, stack: Dashboard):
        with composing(browser, stack) as page:
            rolls = file("rolls.jpg", photo())
            pick(page, rolls)
            expect(cards(page)).to_have_count(1)
            pick(page, rolls)
            expect(page.locator(".media .say")).to_have_text("rolls.jpg is attached already.")
            expect(cards(page)).to_have_count(1)

    def test_more_than_any_chosen_platform_takes(self, browser: Browser, stack: Dashboard):
        with composing(browser, stack) as page:
            pick(page, *(file(f"{n}.jpg", photo(300 + n)) for n in range(6)))
            expect(cards(page)).to_have_count(4)
            expect(page.locator(".media .removed")).to_contain_text("4 files at most: remove some to add others.")

    def test_a_video_says_how_long_it_is_and_who_takes_it(self, browser: Browser, stack: Dashboard):
        with composing(browser, stack) as page:
            pick(page, file("rolls.mp4", footage(seconds=3), "video/mp4"))
            expect(cards(page).locator(".facts")).to_contain_text("0:03 long, 64 × 48")
            expect(cards(page).locator("[data-fit=bluesky]")).to_contain_text("of 300 MB")
            expect(cards(page).locator("video")).to_be_visible()

            pick(page, file("rolls.jpg", photo()))
            expect(cards(page).locator("[data-fit=bluesky]").first).to_contain_text("A video goes alone.")


@pytest.mark.thorough
class TestDescribing:
    def test_what_is_typed_stays_while_everything_else_changes(self, browser: Browser, stack: Dashboard):
        with composing(browser, stack) as page:
            pick(page, file("rolls.jpg", photo()))
            field = page.get_by_label(ALT)
            field.click()
            page.locator("input[type=file]").set_input_files([file("loaf.jpg", photo(700, 700))])  # type: ignore[list-item]
            page.keyboard.type("A tray of cardamom rolls, still warm, with sugar on top", delay=40)

            expect(field.first).to_have_value("A tray of cardamom rolls, still warm, with sugar on top")
            expect(field.first).to_be_focused()
            expect(page.locator(".media .count")).to_have_text("1 of 2 described")
            expect(cards(page).first.locator(".length")).to_have_text("55 of 2,000 characters (Bluesky)")
            settled(page)
            page.reload()
            settled(page)
            expect(page.get_by_label(ALT).first).to_have_value(
                "A tray of cardamom rolls, still warm, with sugar on top"
            )
            expect(page.get_by_text("Bluesky: picture 2 has no description")).to_be_visible()

    def test_too_long_a_description_is_said(self, browser: Browser, stack: Dashboard):
        with composing(browser, stack) as page:
            pick(page, file("rolls.jpg", photo()))
            page.get_by_label(ALT).fill("r" * 2010)
            expect(cards(page).locator(".length")).to_contain_text("10 too long")


@pytest.mark.thorough
class TestOrder:
    def test_by_keyboard(self, browser: Browser, stack: Dashboard):
        with composing(browser, stack) as page:
            pick(page, *(file(f"{n}.jpg", photo(n)) for n in (300, 400, 500)))
            expect(cards(page)).to_have_count(3)
            settled(page)

            page.get_by_role("button", name="Move later: picture 1").press("Enter")
            assert widths(page) == ["400", "300", "500"]
            page.keyboard.press("Enter")  # the focus went along
            assert widths(page) == ["400", "500", "300"]
            expect(page.get_by_role("button", name="Move earlier: picture 3")).to_be_focused()
            settled(page)
            ids = [each["id"] for each in draft(stack)["media"]]
            assert ids == [each.get_attribute("data-id") for each in cards(page).all()]

    def test_by_dragging(self, browser: Browser, stack: Dashboard):
        with composing(browser, stack) as page:
            pick(page, *(file(f"{n}.jpg", photo(n)) for n in (300, 400)))
            expect(cards(page)).to_have_count(2)
            cards(page).nth(1).locator(".handle").drag_to(cards(page).first)
            wait_for(lambda: widths(page) == ["400", "300"], what="the new order")

    def test_what_is_removed_comes_back_with_its_words(self, browser: Browser, stack: Dashboard):
        with composing(browser, stack) as page:
            pick(page, *(file(f"{n}.jpg", photo(n)) for n in (300, 400)))
            expect(cards(page)).to_have_count(2)
            page.get_by_label(ALT).first.fill("Rolls")
            page.get_by_role("button", name="Remove: picture 1").click()
            expect(cards(page)).to_have_count(1)
            expect(button(page, "Undo")).to_be_focused()
            settled(page)
            assert len(draft(stack)["media"]) == 1

            page.keyboard.press("Enter")
            expect(page.get_by_label(ALT).first).to_have_value("Rolls")
            assert widths(page) == ["300", "400"]


@pytest.mark.thorough
class TestCropping:
    def test_by_keyboard_for_one_platform_and_back(self, browser: Browser, stack: Dashboard):
        with composing(browser, stack) as page:
            pick(page, file("rolls.jpg", photo(800, 600)))
            crop = page.get_by_role("button", name="Crop: Bluesky")
            crop.press("Enter")
            expect(page.get_by_role("dialog", name="Crop for Bluesky")).to_be_visible()
            expect(page.locator(".frame")).to_be_focused()
            expect(page.locator("#crop-measure")).to_have_text(
                "600 × 600 of 800 × 600 pixels, from 100 across and 0 down."
            )
            page.keyboard.press("ArrowRight")
            page.keyboard.press("Shift+ArrowLeft")
            expect(page.locator("#crop-measure")).to_contain_text("from 28 across")
            page.get_by_label("Width").fill("400")
            expect(page.locator("#crop-measure")).to_have_text(
                "400 × 400 of 800 × 600 pixels, from 128 across and 100 down."
            )
            page.get_by_role("dialog").get_by_role("button", name="Crop").press("Enter")

            expect(cards(page).locator("[data-fit=bluesky] .fit")).to_contain_text("Cropped: 400 × 400")
            expect(page.get_by_role("button", name="Crop again: Bluesky")).to_be_focused()
            expect(page.locator(".st-key-previews .pictures img")).to_have_js_property("naturalWidth", 400)
            settled(page)
            page.reload()
            settled(page)
            page.get_by_role("button", name="Crop again: Bluesky").click()
            expect(page.locator("#crop-measure")).to_contain_text("400 × 400 of 800 × 600 pixels, from 128 across")
            page.keyboard.press("Escape")
            button(page, "Publish for Harbor Bakery").click()
            expect(page.locator(".st-key-watch")).to_contain_text("published", timeout=40_000)
            expect(page.locator(".st-key-watch")).to_contain_text("1 of 1 published", timeout=40_000)

        published = httpx.get(f"{stack.sandbox}/control/bluesky/posts", trust_env=False).json()
        ratios = [
            each["record"]["embed"]["images"][0]["aspectRatio"] for each in published if "embed" in each["record"]
        ]
        assert {"width": 400, "height": 400} in ratios

    def test_by_dragging_and_pressing(self, browser: Browser, stack: Dashboard):
        with composing(browser, stack) as page:
            pick(page, file("rolls.jpg", photo(800, 600)))
            page.get_by_role("button", name="Crop: Bluesky").click()
            page.get_by_label("Free").check()
            page.get_by_label("Width").fill("200")
            page.get_by_label("Height").fill("300")
            stage = page.locator(".stage").bounding_box()
            assert stage
            scale = stage["width"] / 800
            page.mouse.click(stage["x"] + 500 * scale, stage["y"] + 300 * scale)  # becomes the middle
            expect(page.locator("#crop-measure")).to_contain_text(
                "200 × 300 of 800 × 600 pixels, from 400 across and 150 down"
            )
            page.mouse.move(stage["x"] + 500 * scale, stage["y"] + 300 * scale)
            page.mouse.down()
            page.mouse.move(stage["x"] + 300 * scale, stage["y"] + 250 * scale, steps=4)
            page.mouse.up()
            expect(page.locator("#crop-measure")).to_contain_text("from 200 across and 100 down")

    def test_what_is_left_out_stays_out_until_it_is_shown_again(self, browser: Browser, stack: Dashboard):
        with composing(browser, stack) as page:
            pick(page, file("rolls.jpg", photo()))
            page.get_by_role("button", name="Leave out: Bluesky").click()
            expect(page.locator(".st-key-previews .pictures")).to_have_count(0)
            settled(page)
            assert draft(stack)["variants"]["bluesky"]["media"] == []
            page.get_by_role("button", name="Show it here: Bluesky").click()
            expect(page.locator(".st-key-previews .pictures img")).to_have_count(1)
            settled(page)
            assert draft(stack)["variants"] == {}


class TestWhatGoesWrong:
    def test_a_file_of_another_type_than_its_name(self, browser: Browser, stack: Dashboard):
        with composing(browser, stack, quiet=False) as page:
            pick(page, file("offer.jpg", b"%PDF-1.7 " + b"x" * 500), file("really.jpg", photo(form="PNG")))
            expect(page.locator(".incoming li").filter(has_text="offer.jpg")).to_contain_text(
                "The file is a PDF, not a picture. Export the page as JPEG or PNG, and add that."
            )
            expect(cards(page)).to_have_count(1)
            expect(button(page, "Publish for Harbor Bakery")).to_be_enabled()  # what was refused is not waited for
            page.get_by_role("button", name="Leave it: offer.jpg").click()
            expect(page.locator(".incoming li")).to_have_count(0)

    def test_a_connection_lost_in_mid_upload(self, browser: Browser, stack: Dashboard):
        stored = "select count(*) from composer.media where width = 1610"
        with wire(stack.port) as between, composing(browser, replace(stack, port=between.port), quiet=False) as page:
            between.cuts_after = 300_000
            pick(page, file("rolls.jpg", photo(1610, 1200)))

            row = page.locator(".incoming li")
            expect(row).to_contain_text("The connection was lost. The file is kept here: try again.")
            assert between.cut
            assert stack.sql(stored) == [(0,)]
            expect(page.locator("textarea").first).to_have_value("Rolls from eight")
            expect(button(page, "Publish for Harbor Bakery")).to_be_disabled()
            between.cuts_after = None
            page.get_by_role("button", name="Try again: rolls.jpg").click()

            expect(cards(page)).to_have_count(1)
            expect(row).to_have_count(0)
            expect(button(page, "Publish for Harbor Bakery")).to_be_enabled()
            assert stack.sql(stored) != [(0,)]

    def test_a_file_on_its_way_can_be_cancelled(self, browser: Browser, stack: Dashboard):
        with composing(browser, stack, quiet=False) as page:
            wire = page.context.new_cdp_session(page)
            slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 50_000}
            wire.send("Network.enable")
            wire.send("Network.emulateNetworkConditions", slow)
            pick(page, file("rolls.jpg", photo(1600, 1200)))
            page.get_by_role("button", name="Cancel: rolls.jpg").click()
            wire.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
            expect(page.locator(".incoming li")).to_have_count(0)
            expect(button(page, "Publish for Harbor Bakery")).to_be_enabled()
            settled(page)
            expect(cards(page)).to_have_count(0)

    def test_a_sign_in_that_ended_while_writing(self, browser: Browser, stack: Dashboard):
        with composing(browser, stack, quiet=False) as page:
            stack.sql("update composer.sign_ins set ended_at = now() where ended_at is null")
            pick(page, file("rolls.jpg", photo(820)))
            expect(page.locator(".incoming li")).to_contain_text(
                "Your sign-in has ended Sign in in another tab, then try again here. What you wrote and chose is kept."
            )
            page.context.request.get(f"{stack.address}/sign-in/demo/publisher", max_redirects=0)
            page.get_by_role("button", name="Try again: rolls.jpg").click()
            wait_for(
                lambda: stack.sql("select count(*) from composer.media where width = 820")[0][0], what="the picture"
            )
            # The page itself goes by the old sign-in: it says so, and all is there once it is opened anew.
            page.goto(f"{stack.address}/compose")
            act_for(page, "Harbor Bakery")
            expect(page.locator("textarea").first).to_have_value("Rolls from eight")
            expect(cards(page)).to_have_count(1)
            settled(page)
            assert len(draft(stack)["media"]) == 1


@pytest.mark.parametrize(("width", "scheme"), LOOKS, ids=[f"{width}-{scheme}" for width, scheme in LOOKS])
def test_looks(browser: Browser, stack: Dashboard, width: int, scheme: str):
    with composing(browser, stack, width=width, scheme=scheme, quiet=False) as page:
        pick(page, file("rolls.jpg", photo()), file("loaf.jpg", photo(400, 900)), file("offer.jpg", b"%PDF-1.7"))
        expect(cards(page)).to_have_count(2)
        page.get_by_label(ALT).first.fill("A tray of rolls")
        expect(page.locator(".incoming li")).to_have_count(1)
        look_at(page, f"media-{width}-{scheme}")
        page.get_by_role("button", name="Crop: Bluesky").first.click()
        expect(page.locator(".stage img")).to_have_js_property("complete", True)
        look_at(page, f"crop-{width}-{scheme}")
