"""What is attached, between stored content and what a page works with."""

import pytest

from socialcore.media import Crop
from socialcore.pictures import Box
from socialcore.posts import Content, MediaReference, Variant
from ui.media_area.attached import Attached, Sent, ids_of_variants, of_content, sent, uploading, with_attached

ROLLS, LOAF, CUT = "a" * 64, "b" * 64, "c" * 64
CROP = Crop(ROLLS, Box(0, 0, 400, 300), CUT)


def pictures(*ids: str) -> tuple[MediaReference, ...]:
    return tuple(MediaReference(id=each) for each in ids)


class TestWithAttached:
    def test_keeps_order_and_descriptions(self):
        content = with_attached(Content(text="Rye"), [Attached(id=LOAF, alt="A loaf"), Attached(id=ROLLS)])

        assert content == Content(text="Rye", media=(MediaReference(id=LOAF, alt="A loaf"), MediaReference(id=ROLLS)))

    def test_gives_a_platform_its_own_only_where_something_differs(self):
        attached = [
            Attached(id=ROLLS, alt="Rolls", at={"google_business": CUT, "twitter": None}),
            Attached(id=LOAF, at={"google_business": None}),
        ]

        content = with_attached(Content(), attached)

        assert content.media_for("google_business") == (MediaReference(id=CUT, alt="Rolls"),)
        assert content.media_for("twitter") == pictures(LOAF)
        assert content.media_for("bluesky") == content.media
        assert set(content.variants) == {"google_business", "twitter"}

    def test_leaves_what_else_differs(self):
        before = Content(
            variants={"twitter": Variant(text="Short", media=pictures(CUT)), "slack": Variant(text="Long")}
        )

        content = with_attached(before, [Attached(id=ROLLS)])

        assert content.variants == {"twitter": Variant(text="Short"), "slack": Variant(text="Long")}

    def test_nothing_at_all_leaves_nothing(self):
        before = Content(media=pictures(ROLLS), variants={"twitter": Variant(media=pictures(CUT))})

        assert with_attached(before, []) == Content()

    def test_a_platform_may_be_left_without_any(self):
        assert with_attached(Content(), [Attached(id=ROLLS, at={"slack": None})]).media_for("slack") == ()


class TestOfContent:
    def test_is_the_way_back(self):
        attached = (
            Attached(id=ROLLS, alt="Rolls", at={"google_business": CUT, "twitter": None}),
            Attached(id=LOAF, at={"google_business": None}),
        )
        content = with_attached(Content(text="Rye"), attached)

        assert of_content(content, [CROP]) == attached
        assert ids_of_variants(content) == [CUT]

    def test_takes_a_picture_of_unknown_origin_for_none(self):
        content = Content(media=pictures(ROLLS), variants={"twitter": Variant(media=pictures(CUT))})

        assert of_content(content, []) == (Attached(id=ROLLS, at={"twitter": None}),)


class TestSent:
    def test_is_read(self):
        said = {"rev": "1", "attached": [{"id": ROLLS, "alt": "Rolls", "at": {"slack": None}}]}

        assert sent(said) == Sent(rev="1", attached=(Attached(id=ROLLS, alt="Rolls", at={"slack": None}),))

    @pytest.mark.parametrize(
        "said",
        [
            None,
            "attached",
            {"attached": []},
            {"rev": "1", "attached": [{"id": "../../etc/passwd"}]},
            {"rev": "1", "attached": [{"id": ROLLS, "at": {"elsewhere": None}}]},
            {"rev": "1", "attached": [{"id": ROLLS, "at": {"slack": "x"}}]},
            {"rev": "1", "attached": 7},
        ],
    )
    def test_that_makes_no_sense_is_nothing(self, said: object):
        assert sent(said) is None


@pytest.mark.parametrize(
    ("said", "files"), [({"rev": "1", "files": 2}, 2), ({"rev": "0", "files": 2}, 0), ({"files": 2}, 0), (None, 0)]
)
def test_what_is_on_its_way_counts_for_its_draft_only(said: object, files: int):
    assert uploading(said, "1") == files
