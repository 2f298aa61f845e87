from .estimators import log_evidence as log_evidence
from .results import EvidenceEstimate as EvidenceEstimate
from .targets import Target as Target
