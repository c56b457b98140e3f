//! The Prometheus text format 0.0.4, written on the thread that is asked for it. Cells are summed
//! over shards first, so that a scrape's size depends on what is measured and not on the machine.

use super::Registry;
use super::catalogue::ALL;
use super::catalogue::Group;
use super::catalogue::Id;
use super::catalogue::Kind;
use super::catalogue::Metric;
use super::catalogue::PREFIX;
use super::catalogue::Unit;
use super::metrics::Block;
use super::metrics::Provided;
use super::numbers::Nanos;
use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write;
use std::sync::atomic::Ordering;

/// The `content-type` of [`Registry::render`]'s text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Label values in the order of the metric's labels → its cells.
type Samples<'a> = BTreeMap<Vec<&'a str>, Vec<u64>>;

impl Registry {
    /// Appends all metrics that have a value.
    pub fn render(&self, out: &mut String) {
        let (blocks, provided) = self.snapshot();
        for metric in ALL {
            let mut samples = Samples::new();
            collect_cells(metric, &blocks, &mut samples);
            collect_provided(metric, &provided, &mut samples);
            if metric.id == Id::LabelOverflow {
                samples.insert(Vec::new(), vec![self.refused()]);
            }
            write_metric(metric, &samples, out).expect("writing to a string cannot fail");
        }
    }
}

fn collect_cells<'a>(metric: &'static Metric, blocks: &'a [Block], samples: &mut Samples<'a>) {
    let (start, width) = (metric.id.offset(), metric.width());
    // what every gateway has is shown from the start, what grows with traffic when it happens
    let shown_empty = matches!(metric.group, Group::Shard | Group::EachShard);
    for block in blocks.iter().filter(|block| block.group == metric.group) {
        for combination in 0..metric.combinations() {
            let from = start + combination * width;
            let values: Vec<u64> =
                block.cells[from..from + width].iter().map(|cell| cell.load(Ordering::Relaxed)).collect();
            if shown_empty || values.iter().any(|value| *value != 0) {
                let mut labels: Vec<&str> = block.labels.iter().map(|label| &**label).collect();
                push_words(metric, combination, &mut labels);
                add(samples, labels, &values);
            }
        }
    }
}

/// The words of the closed labels of one combination: the last label varies fastest.
fn push_words(metric: &'static Metric, combination: usize, labels: &mut Vec<&str>) {
    let mut left = metric.combinations();
    let mut rest = combination;
    for label in metric.labels {
        left /= label.words.len();
        labels.push(label.words[rest / left]);
        rest %= left;
    }
}

fn collect_provided<'a>(metric: &Metric, provided: &'a [Provided], samples: &mut Samples<'a>) {
    for one in provided.iter().filter(|one| one.id == metric.id) {
        add(samples, one.labels.iter().map(|label| &**label).collect(), &[(one.read)()]);
    }
}

fn add<'a>(samples: &mut Samples<'a>, labels: Vec<&'a str>, values: &[u64]) {
    let sums = samples.entry(labels).or_insert_with(|| vec![0; values.len()]);
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum = sum.wrapping_add(*value);
    }
}

fn write_metric(metric: &Metric, samples: &Samples<'_>, out: &mut String) -> fmt::Result {
    if samples.is_empty() {
        return Ok(());
    }
    let kind = match metric.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram(_) => "histogram",
    };
    writeln!(out, "# HELP {PREFIX}{} {}", metric.name, metric.help.replace('\\', "\\\\"))?;
    writeln!(out, "# TYPE {PREFIX}{} {kind}", metric.name)?;
    for (labels, values) in samples {
        match metric.kind {
            Kind::Histogram(bounds) => write_histogram(metric, bounds, labels, values, out)?,
            _ => write_sample(metric, "", labels, None, &Number(metric, values[0]), out)?,
        }
    }
    Ok(())
}

fn write_histogram(metric: &Metric, bounds: &[u64], labels: &[&str], values: &[u64], out: &mut String) -> fmt::Result {
    let mut below = 0;
    for (bound, count) in bounds.iter().zip(values) {
        below += count;
        write_sample(metric, "_bucket", labels, Some(&Nanos(*bound)), &below, out)?;
    }
    below += values[bounds.len()];
    write_sample(metric, "_bucket", labels, Some(&"+Inf"), &below, out)?;
    write_sample(metric, "_sum", labels, None, &Nanos(values[bounds.len() + 1]), out)?;
    write_sample(metric, "_count", labels, None, &below, out)
}

fn write_sample(
    metric: &Metric,
    suffix: &str,
    labels: &[&str],
    bound: Option<&dyn fmt::Display>,
    value: &dyn fmt::Display,
    out: &mut String,
) -> fmt::Result {
    write!(out, "{PREFIX}{}{suffix}", metric.name)?;
    let names = metric.group.labels().iter().copied().chain(metric.labels.iter().map(|label| label.name));
    let mut separator = '{';
    for (name, label) in names.zip(labels) {
        write!(out, "{separator}{name}=\"")?;
        push_escaped(label, out);
        out.push('"');
        separator = ',';
    }
    if let Some(bound) = bound {
        write!(out, "{separator}le=\"{bound}\"")?;
        separator = ',';
    }
    if separator == ',' {
        out.push('}');
    }
    writeln!(out, " {value}")
}

fn push_escaped(label: &str, out: &mut String) {
    for character in label.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            // a carriage return or an escape in a label is legal, and a nuisance in every terminal
            control if control.is_control() => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
}

/// A cell's value in the metric's unit. Gauges are moved up and down by wrapping additions on
/// different shards, so their sum is read as a signed number.
struct Number<'a>(&'a Metric, u64);

impl fmt::Display for Number<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.unit, self.0.kind) {
            (Unit::Seconds | Unit::Dollars, _) => write!(out, "{}", Nanos(self.1)),
            (_, Kind::Gauge) => write!(out, "{}", self.1.cast_signed()),
            _ => write!(out, "{}", self.1),
        }
    }
}
