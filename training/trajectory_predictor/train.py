"""Trains one network, from the truth and from a teacher."""

import os

import torch
from torch import nn

from reduction.steps import Progress

from . import data as rows
from . import losses

BATCH = 512


def batches(data, epoch, seed):
    """Sample numbers of one epoch, in an order that seed and epoch decide."""
    order = torch.randperm(len(data[0]), generator=torch.Generator().manual_seed(1000 * seed + epoch))
    return [order[i * BATCH : (i + 1) * BATCH] for i in range(len(order) // BATCH)]


def loss_of(model, batch, teacher, teaching):
    """The loss of a batch, and what a teacher adds."""
    motion, logits = model(*batch[:4])
    loss = losses.truth(motion, logits, batch[3], batch[4])
    if teacher is not None:
        with torch.no_grad():
            taught = teacher(*batch[:4])
        loss = loss + teaching * losses.imitation(motion, logits, *taught)
    return loss


def train(model, data, checkpoint, epochs, seed, rate=2e-3, teacher=None, teaching=1.0, decay=1e-4, extra=None):
    """Trains to the end of `epochs`, goes on from what `checkpoint`.partial holds, and writes the weights to
    `checkpoint`. `extra()` is a loss of the network's own. The same seed gives the same weights."""
    total = epochs * (len(data[0]) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=max(total, 2), pct_start=0.2)
    partial, first = checkpoint + ".partial", 0
    if os.path.exists(partial):
        state = torch.load(partial, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        first = state["epoch"]
    name = os.path.basename(checkpoint).removesuffix(".pt")
    done = first * (total // epochs)
    progress = Progress(name, total, done)
    model.train()
    for epoch in range(first, epochs):
        torch.manual_seed(1000 * seed + epoch)
        for chosen in batches(data, epoch, seed):
            batch = rows.mirrored([part[chosen] for part in data])
            loss = loss_of(model, batch, teacher, teaching)
            if extra is not None:
                loss = loss + extra()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            done += 1
            progress.add(done, loss=loss.item())
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(),
                    "schedule": schedule.state_dict(), "epoch": epoch + 1}, partial + ".new")
        os.replace(partial + ".new", partial)
    torch.save(model.state_dict(), checkpoint)
    os.remove(partial)
    model.eval()
    return model
