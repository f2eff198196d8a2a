"""Training steps of timm's ResNet-50 in PyTorch, timed as `benchmarks.peer` asks.

Runs in the environment of requirements-peer.txt.
"""

import sys
import time


def build(size, classes, emb_dim):
    """A function that takes one step: forward, cross-entropy and batch-hard, backward, update.

    Args:
      size: int, pixels per side.
      classes: int, C.
      emb_dim: int, D.

    Returns:
      function of images [B, 3, size, size] and labels [B].
    """
    import timm
    import torch
    from pytorch_metric_learning import distances, losses, miners

    torch.manual_seed(0)
    backbone = timm.create_model("resnet50", num_classes=classes)
    cells = (size // 32) ** 2
    head = torch.nn.Linear(backbone.num_features * cells, emb_dim)
    both = torch.nn.ModuleList([backbone, head]).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(both.parameters(), lr=0.01, momentum=0.9)
    squared = distances.LpDistance(power=2)
    miner = miners.BatchHardMiner(distance=squared)
    triplet = losses.TripletMarginLoss(margin=0.2, distance=squared)

    def step(images, labels):
        features = backbone.forward_features(images)
        embeddings = torch.nn.functional.normalize(head(features.flatten(1)))
        softmax = torch.nn.functional.cross_entropy(backbone.forward_head(features), labels)
        total = softmax + triplet(embeddings, labels, miner(embeddings, labels))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()

    return step


def main():
    """Answers each line, a batch size, with the seconds of a step."""
    import torch

    size, classes = 224, 100
    step = build(size, classes, emb_dim=256)
    print(f"PyTorch {torch.__version__}", flush=True)
    for line in sys.stdin:
        batch_size = int(line)
        images = torch.rand(batch_size, 3, size, size).to(memory_format=torch.channels_last)
        labels = torch.arange(batch_size) // 4
        start = time.perf_counter()
        step(images, labels)
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
