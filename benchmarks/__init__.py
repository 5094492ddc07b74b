"""What the figures in docs/performance.md come from: sopskit and the released sops, in turn, on one machine, in one run."""
