"""Predictors that differ in one block only: dense, or experts of which each sample activates few."""

import math

import torch
from torch import nn

from trajectory_predictor.network import SLOTS, Predictor

WIDTHS = {"agent": (64, 64), "neighbor": (32, 32), "way": (64, 64), "fuse": (128, 128)}
# How far above an even share the static list of an expert is, in the form `lists`.
CAPACITY = 1.5


class Dense(nn.Module):
    """Two layers beside a shortcut: (tokens, width) to the same."""

    balance = 0.0

    def __init__(self, width, hidden):
        super().__init__()
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x):
        return x + self.down(torch.relu(self.up(x)))


class Earlier(nn.Module):
    """How many rows above each one have a 1, column by column, as a product with a triangle of ones."""

    def forward(self, ones):
        return torch.tril(torch.ones(ones.shape[0], ones.shape[0]), -1) @ ones


class Mixture(nn.Module):
    """Experts like `Dense`, of which a router activates `top` for each token, or for all ways of an agent together
    (`by_agent`). The router's softmax weighs what they say (Fedus et al. 2021; two or more as in Lepikhin et al. 2020).

    `form` says how it is computed. All forms but `lists` give the same numbers.

    - `rows`: the rows of each expert are picked: fast in training, no static shapes.
    - `all`: every expert computes every token, and what is not wanted is multiplied by zero.
    - `gather`: each token, or agent, gathers the weights of its experts.
    - `lists`: each expert has a list of static length of the tokens that come to it first; more are left out, and only the
      shortcut counts for these.
    """

    def __init__(self, width, hidden, experts, top, by_agent=False):
        super().__init__()
        self.width, self.hidden, self.experts, self.top, self.by_agent = width, hidden, experts, top, by_agent
        self.form, self.capacity, self.balance = "rows", CAPACITY, 0.0
        self.router, self.earlier = nn.Linear(width, experts), Earlier()
        # As nn.Linear begins.
        self.up = nn.Parameter(torch.empty(experts, width, hidden).uniform_(-1, 1) / width**0.5)
        self.down = nn.Parameter(torch.empty(experts, hidden, width).uniform_(-1, 1) / hidden**0.5)
        self.up_bias, self.down_bias = nn.Parameter(torch.zeros(experts, hidden)), nn.Parameter(torch.zeros(experts, width))

    def route(self, x):
        """Weight of each expert (tokens or agents, experts), zero for those that are not activated, and for each of the
        activated ones its mask. Made of products, greatest values and clipping alone, as every toolchain takes them."""
        if self.by_agent:
            x = x.reshape(-1, SLOTS, self.width).amax(1)
        left, masks = self.router(x), []
        probability = torch.softmax(left, 1)
        for _ in range(self.top):
            # 1 for the greatest, 0 for those below it, by however little.
            best = left.amax(1, keepdim=True)
            masks.append(((left - best) * 1e8 + 1.0).clamp(0.0, 1.0))
            left = left - masks[-1] * 1e3
        chosen = sum(masks)
        weight = probability * chosen
        if self.top > 1:
            weight = weight / weight.sum(1, keepdim=True)
        if self.training:
            self.balance = self.experts * (chosen.detach().mean(0) / self.top * probability.mean(0)).sum()
        return weight, masks

    def expert(self, number, x):
        return torch.relu(x @ self.up[number] + self.up_bias[number]) @ self.down[number] + self.down_bias[number]

    def forward(self, x):
        weight, masks = self.route(x)
        return x + getattr(self, f"by_{self.form}")(x, weight, masks)

    def of_tokens(self, of_agents):
        """What holds for an agent, for each of its ways."""
        if not self.by_agent:
            return of_agents
        count = of_agents.shape[-1]
        return of_agents.unsqueeze(1).expand(-1, SLOTS, -1).reshape(-1, count)

    def by_rows(self, x, weight, masks):
        weight, said = self.of_tokens(weight), torch.zeros_like(x)
        for number in range(self.experts):
            rows = weight[:, number].nonzero()[:, 0]
            said = said.index_add(0, rows, self.expert(number, x[rows]) * weight[rows, number, None])
        return said

    def by_all(self, x, weight, masks):
        weight = self.of_tokens(weight)
        up = self.up.transpose(0, 1).reshape(self.width, -1)
        hidden = torch.relu(x @ up + self.up_bias.reshape(-1)).reshape(-1, self.experts, self.hidden)
        hidden = (hidden * weight.unsqueeze(2)).reshape(-1, self.experts * self.hidden)
        return hidden @ self.down.reshape(-1, self.width) + weight @ self.down_bias

    def by_gather(self, x, weight, masks):
        rows = x.reshape(-1, SLOTS if self.by_agent else 1, self.width)
        said = 0.0
        for mask in masks:
            chosen = self.number(mask).long()
            hidden = torch.relu(rows @ self.up[chosen] + self.up_bias[chosen].unsqueeze(1))
            one = hidden @ self.down[chosen] + self.down_bias[chosen].unsqueeze(1)
            said = said + one * (weight * mask).sum(1).reshape(-1, 1, 1)
        return said.reshape(-1, self.width)

    def number(self, mask):
        """Of the expert that a mask marks; there is one even where two are equal."""
        return (mask * torch.arange(self.experts, dtype=torch.float32)).sum(1).clamp(max=self.experts - 1.0)

    def by_lists(self, x, weight, masks):
        weight, masks, tokens = self.of_tokens(weight), [self.of_tokens(mask) for mask in masks], x.shape[0]
        length = self.list_length(tokens)
        chosen = sum(masks)
        # The place of each token in each expert's list.
        place = self.earlier(chosen)
        slots = torch.arange(length, dtype=torch.float32).reshape(1, -1, 1)
        # (experts, length, tokens): 1 where a token has that slot.
        apart = place.t().unsqueeze(1) - slots
        at = (1.0 - torch.maximum(apart, -apart)).clamp(min=0.0) * chosen.t().unsqueeze(1)
        picked = x[(at * torch.arange(tokens, dtype=torch.float32)).sum(2).reshape(-1).long()]
        answers = torch.cat([self.expert(number, picked[number * length:(number + 1) * length])
                             for number in range(self.experts)], 0)
        said = 0.0
        for mask in masks:
            own = (place * mask).sum(1)
            listed = (length - own).clamp(0.0, 1.0)
            slot = (self.number(mask) * length + own.clamp(max=length - 1.0)).long()
            said = said + answers[slot] * ((weight * mask).sum(1) * listed).unsqueeze(1)
        return said

    def list_length(self, tokens):
        return math.ceil(tokens * self.top * self.capacity / self.experts)


def predictor(block, widths=None):
    """A predictor with `block` in the place of its last hidden layer."""
    model = Predictor(widths or WIDTHS)
    model.fuse = block
    return model
