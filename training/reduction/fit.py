"""Trains a network on samples that fit into memory."""

import os

import torch
from torch import nn

from .steps import Progress

BATCH = 512


def batches(count, epoch, seed):
    """Sample numbers of one epoch, in an order that seed and epoch decide."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(1000 * seed + epoch))
    return [order[i * BATCH : (i + 1) * BATCH] for i in range(count // BATCH)]


def fit(model, count, loss_of, checkpoint, epochs, seed, rate=2e-3, decay=1e-4):
    """Trains on `count` samples to the end of `epochs`, goes on from what `checkpoint`.partial holds, and writes the weights
    to `checkpoint`. `loss_of(numbers)` is the loss of a batch. The same seed gives the same weights."""
    total = epochs * (count // BATCH)
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
        for chosen in batches(count, epoch, seed):
            loss = loss_of(chosen)
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
