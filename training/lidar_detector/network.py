"""The network: heat of each class and a box for each place of 0.64 m."""

import onnx
import torch
from onnx import numpy_helper
from torch import nn

from reduction import shape

# As in nodes/lidar_detector/src/grid.rs.
ROWS, COLUMNS, CELL, ORIGIN, FEATURES = 352, 256, 0.32, -40.96, 8
INPUT = (4 * FEATURES, ROWS // 2, COLUMNS // 2)
# As in nodes/lidar_detector/src/detection.rs.
PLACE = 2 * CELL
CLASSES = ["car", "truck", "cyclist", "pedestrian", "obstacle"]
RADIUS = (1.5, 2.0, 0.6, 0.35, 0.4)
BOX = 10
INPUTS, OUTPUTS = ["grid"], ["heat", "box"]
# The last layers give metres and scores and are a hundredth of the work.
FLOAT_LAYERS = ("heat", "box")
# The channels that the last layers read are of very different width, and these read them at 8 bits: clipped where the widest
# are, small things are lost; at the widest one's range, far ones.
EQUALIZED = [(("fuse1.0",), ("heat", "box"))]


def block(inputs, outputs, stride=1, kernel=3, normalized=True):
    normal = nn.BatchNorm2d(outputs) if normalized else nn.Identity()
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=not normalized), normal,
                         nn.ReLU(inplace=True))


class Detector(nn.Module):
    """A pyramid of convolutions. `normalized` is for training from nothing; afterwards the normalization is part of the
    convolutions."""

    def __init__(self, widths=(24, 40, 64, 96), depths=(1, 2, 2), normalized=True):
        super().__init__()
        a, b, c, d = widths

        def one(inputs, outputs, stride=1, kernel=3):
            return block(inputs, outputs, stride, kernel, normalized)

        def stage(inputs, outputs, depth):
            return nn.Sequential(one(inputs, outputs, 2), *[one(outputs, outputs) for _ in range(depth)])

        self.stem = one(INPUT[0], a)
        self.down1, self.down2, self.down3 = stage(a, b, depths[0]), stage(b, c, depths[1]), stage(c, d, depths[2])
        self.up3, self.up2, self.up1 = one(d, c, kernel=1), one(c, b, kernel=1), one(b, a, kernel=1)
        self.fuse3, self.fuse2, self.fuse1 = one(c, c), one(b, b), one(a, a)
        self.heat, self.box = nn.Conv2d(a, len(CLASSES), 1), nn.Conv2d(a, BOX, 1)
        nn.init.constant_(self.heat.bias, -4.6)

    def raw(self, grid):
        """Heat before the sigmoid, and boxes."""
        def up(x):
            return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")

        one = self.stem(grid)
        two = self.down1(one)
        four = self.down2(two)
        four = self.fuse3(four + up(self.up3(self.down3(four))))
        two = self.fuse2(two + up(self.up2(four)))
        one = self.fuse1(one + up(self.up1(two)))
        return self.heat(one), self.box(one)

    def forward(self, grid):
        heat, box = self.raw(grid)
        return torch.sigmoid(heat), box


def turned(grid, ahead, left):
    """A grid with front for rear and left for right."""
    if not (ahead or left):
        return grid
    grid = grid.reshape(-1, 2, 2, FEATURES, *INPUT[1:])
    grid = grid.flip([axis for axis, turn in ((1, ahead), (4, ahead), (2, left), (5, left)) if turn])
    return grid.reshape(-1, *INPUT)


def turned_answer(heat, box, ahead, left):
    """The answer to a turned grid, turned back."""
    if not (ahead or left):
        return heat, box
    axes = [axis for axis, turn in ((2, ahead), (3, left)) if turn]
    sign = torch.ones(BOX)
    if ahead:
        sign[[0, 6, 9]] *= -1
    if left:
        sign[[1, 6, 8]] *= -1
    return heat.flip(axes), box.flip(axes) * sign.view(1, -1, 1, 1)


class FourViews(nn.Module):
    """A network that looks four times, the street as it is and mirrored both ways, and answers with the mean. Four times
    the work for one answer that is steadier than each."""

    VIEWS = ((False, False), (True, False), (False, True), (True, True))

    def __init__(self, detector):
        super().__init__()
        self.detector = detector

    def raw(self, grid):
        answers = [turned_answer(*self.detector.raw(turned(grid, *view)), *view) for view in self.VIEWS]
        heats, boxes = zip(*answers)
        return sum(heats) / len(heats), sum(boxes) / len(boxes)

    def forward(self, grid):
        heat, box = self.raw(grid)
        return torch.sigmoid(heat), box


def from_onnx(path):
    """A network with the weights of an exported one, normalization within the convolutions."""
    model = Detector(normalized=False)
    graph = onnx.load(path).graph
    weights = {w.name: torch.from_numpy(numpy_helper.to_array(w).copy()) for w in graph.initializer}
    state = {}
    for node in graph.node:
        if node.op_type == "Conv":
            layer = node.name.split("/")[-2]
            state[f"{layer}.weight"], state[f"{layer}.bias"] = (weights[name] for name in node.input[1:3])
    return shape.fit(model, state)


def load(path):
    """A network without normalization from its checkpoint, whatever its widths are."""
    return shape.fit(Detector(normalized=False), torch.load(path, weights_only=True))


def example():
    return torch.zeros(1, *INPUT)
