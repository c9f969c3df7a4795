"""What is out of the ordinary: samples judged against baselines, rules, and the incidents made of them."""

from holdfast.anomalies.detector import Detector, detector
from holdfast.anomalies.judging import RESIDUALS, Judged, judge

__all__ = ["RESIDUALS", "Detector", "Judged", "detector", "judge"]
