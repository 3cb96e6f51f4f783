//! A progress bar that comes late and leaves nothing behind.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::run::Watch;

/// A run that is over before this needs no progress bar.
const PATIENCE: Duration = Duration::from_millis(500);
const TEMPLATE: &str = "{bar:40} {percent:>3}% {human_pos} of {human_len} adds, {eta} left";

/// When progress is shown.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Progress {
    /// On a terminal, unless the trace is written there.
    Auto,
    Always,
    Never,
}

/// The bar of one run, if it is to have one.
pub(super) struct Bar {
    shown: Option<Shown>,
}

#[derive(Clone)]
struct Shown {
    bar: ProgressBar,
    started: Instant,
    patience: Duration,
}

impl Bar {
    pub(super) fn new(when: Progress, is_traced: bool) -> Self {
        let patience = match when {
            Progress::Always => Some(Duration::ZERO),
            Progress::Auto => {
                let is_fit = !is_traced && std::io::stderr().is_terminal();
                is_fit.then_some(PATIENCE)
            }
            Progress::Never => None,
        };
        Self {
            shown: patience.map(Shown::new),
        }
    }

    /// Has the bar follow a run.
    pub(super) fn watch(&self, watch: Watch) -> Watch {
        match self.shown.clone() {
            Some(shown) => watch.progress(move |done, all| shown.show(done, all)),
            None => watch,
        }
    }

    pub(super) fn clear(&self) {
        if let Some(shown) = &self.shown {
            shown.bar.finish_and_clear();
        }
    }
}

impl Shown {
    fn new(patience: Duration) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template(TEMPLATE);
        Self {
            bar: bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())),
            started: Instant::now(),
            patience,
        }
    }

    fn show(&self, done: u64, all: u64) {
        if self.started.elapsed() < self.patience {
            return;
        }
        if self.bar.is_hidden() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_length(all);
        self.bar.set_position(done);
    }
}
