"""`python -m benchmarks peers`: our optimizer beside its peers, on simulated worlds.

From bottom to top: `tally` counts reflections, `readoff` says what a smaller budget would have bought, `arms`
runs optimizers (`ablation` lists variants of ours), `cells` measures one of them on one world with one seed,
`runner` runs many cells, `results` reads them back, `figures` and `targets` do the arithmetic, `report`,
`goals` and `curves` show it, `command` is the command.
"""
