"""Every metric: its unit, which way is better, and what it says, in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """What a number means.

    Attributes
    ----------
    group : str
        ``likeness`` to the truth, ``control`` by the actions, ``trust``, or ``cost``.
    higher_is_better : bool or None
        None where neither is.
    """

    name: str
    title: str
    unit: str
    group: str
    higher_is_better: bool | None
    text: str
    digits: int = 2


_ALL = (
    Metric("psnr_db", "PSNR", "dB", "likeness", True, "of every frame of the executed plan"),
    Metric("psnr_last_db", "PSNR, last", "dB", "likeness", True, "of its last frame"),
    Metric("ssim", "SSIM", "", "likeness", True, "structural similarity of every frame", 3),
    Metric(
        "lpips", "LPIPS", "", "likeness", False, "learned perceptual distance (AlexNet weights)", 3
    ),
    Metric(
        "sharpness",
        "sharpness",
        "",
        "likeness",
        None,
        "detail of the frames over detail of the truth: 1 as sharp, less is smeared; a look at the"
        " frame alone, so it says nothing of whether the frame is right",
    ),
    Metric(
        "psnr_seen_db",
        "PSNR, seen",
        "dB",
        "likeness",
        True,
        "where the truth shows what was in view before",
    ),
    Metric(
        "psnr_unseen_db",
        "PSNR, unseen",
        "dB",
        "likeness",
        True,
        "where the truth shows what was hidden before: what had to be invented",
    ),
    Metric(
        "psnr_changed_db",
        "PSNR, changed",
        "dB",
        "likeness",
        True,
        "where the truth differs from the first picture: the arm and what it moved",
    ),
    Metric(
        "psnr_unchanged_db",
        "PSNR, unchanged",
        "dB",
        "likeness",
        True,
        "where the truth is as in the first picture: the background",
    ),
    Metric(
        "action_choice",
        "action choice",
        "",
        "control",
        True,
        "how often, of M plans imagined from one place, the executed one comes nearest to the real"
        " end (1 / M by chance)",
        3,
    ),
    Metric(
        "heading_choice",
        "same-heading choice",
        "",
        "control",
        True,
        "the same among plans that end with the same heading, so that turning alone does not help"
        " (1 / M by chance)",
        3,
    ),
    Metric(
        "action_rank",
        "action rank",
        "",
        "control",
        False,
        "place of the executed plan among the M, 1 the best",
    ),
    Metric(
        "action_gap_db",
        "action gap",
        "dB",
        "control",
        True,
        "PSNR to the real end of the executed plan over that of the other plans; 0 if the actions"
        " change nothing",
    ),
    Metric(
        "future_choice",
        "future choice",
        "",
        "control",
        True,
        "how often the imagined end is nearer to its real future than to other real views nearby,"
        " the first one among them (1 / M by chance; whoever repeats the first view gets 0)",
        3,
    ),
    Metric(
        "heading_error_deg",
        "heading error",
        "°",
        "control",
        False,
        "the turn that lays an imagined panorama best on the real one",
        1,
    ),
    Metric(
        "place_error_m",
        "place error",
        "m",
        "control",
        False,
        "from the true place to the real place nearby whose panorama, at any heading, is most like"
        " the imagined one",
    ),
    Metric(
        "tool_error",
        "tool error",
        "% of height",
        "control",
        False,
        "how far off the imagined tool is, by the real tool's picture looked for around its true"
        " place (at most 15 along each axis)",
        1,
    ),
    Metric(
        "moved_error",
        "moved objects",
        "% of height",
        "control",
        False,
        "how far off the coloured centroid of objects that really moved is; lost ones count as the"
        " window's 12",
        1,
    ),
    Metric(
        "still_error",
        "unmoved objects",
        "% of height",
        "control",
        False,
        "the same of objects that did not move",
        1,
    ),
    Metric(
        "path_rms",
        "object path, RMS",
        "% of height",
        "control",
        False,
        "distance of the imagined path of moved objects to the real one, at equal times",
        1,
    ),
    Metric(
        "path_dtw",
        "object path, DTW",
        "% of height",
        "control",
        False,
        "the same, whatever the pace",
        1,
    ),
    Metric(
        "path_frechet",
        "object path, Fréchet",
        "% of height",
        "control",
        False,
        "the greatest gap of the two paths",
        1,
    ),
    Metric(
        "diversity",
        "diversity",
        "levels",
        "control",
        None,
        "root mean square difference of the ends of different plans; 0 if all look the same",
        1,
    ),
    Metric(
        "calibration_error",
        "calibration error",
        "",
        "trust",
        False,
        "expected gap of the stated confidence and the share of right pixels",
        3,
    ),
    Metric(
        "confidence_rank",
        "confidence rank",
        "",
        "trust",
        True,
        "Spearman correlation of confidence and the share of right pixels",
    ),
    Metric(
        "value_rank",
        "value rank",
        "",
        "trust",
        True,
        "Spearman correlation of the model's own value and the true progress",
    ),
    Metric(
        "seconds_per_frame",
        "per frame",
        "s",
        "cost",
        False,
        "seconds per frame, all frames of one plan asked for",
        3,
    ),
    Metric(
        "seconds_per_end",
        "per plan",
        "s",
        "cost",
        False,
        "seconds per plan, the last frames of all plans asked for together",
        3,
    ),
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
"""By name, in the order in which they are shown."""
HEADLINE = ("psnr_db", "ssim", "action_choice", "heading_choice", "action_gap_db")
