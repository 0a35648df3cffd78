"""What a student learns from its teacher beside the truth (Hinton, Vinyals and Dean 2015)."""

import torch
from torch import nn


def choices(student_logits, teacher_logits, temperature=1.0):
    """Cross entropy of a student's choice against the teacher's probabilities."""
    aim = torch.softmax(teacher_logits / temperature, -1)
    return -(aim * torch.log_softmax(student_logits / temperature, -1)).sum(-1).mean() * temperature**2


def values(student, teacher, weight=None, delta=1.0):
    """Huber loss of a student's numbers against the teacher's; `weight` is broadcast."""
    error = nn.functional.huber_loss(student, teacher, reduction="none", delta=delta)
    if weight is None:
        return error.mean()
    weight = weight.expand_as(error)
    return (error * weight).sum() / weight.sum().clamp(min=1e-6)
