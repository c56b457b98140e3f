//! What can be asked for, of whom, at what price: the answer to `ringgate models`.
//!
//! A route with an exact name is one row for each target. A pattern is as many rows as its providers'
//! models are known, by their own list or by the catalogue; a provider of which neither is known is one
//! row with the pattern, because any name goes there.

use super::deployment::Deployment;
use super::deployment::Provider;
use crate::providers;
use crate::providers::Rates;
use crate::providers::catalogue;
use crate::routing::matches;
use serde_json::Value;
use serde_json::json;
use std::fmt::Write;

/// One model of one provider, by one route.
#[derive(Clone, Debug, PartialEq)]
pub struct Reachable {
    /// What a caller asks for.
    pub model: String,
    /// The route that leads there.
    pub route: String,
    /// The provider.
    pub provider: String,
    /// Its own name for the model.
    pub provider_model: String,
    /// What tokens cost, where it is known.
    pub rates: Option<Rates>,
    /// Who says so.
    pub priced_by: Option<Source>,
    /// What requests with more than so many input tokens cost, where that differs.
    pub long: Option<(u64, Rates)>,
    /// Prices of busy hours, where the catalogue's hold.
    pub peak: Option<(&'static [(u64, u64)], Rates)>,
    /// Tokens it can hold.
    pub context: Option<u64>,
    /// Longest answer, tokens.
    pub max_output: Option<u64>,
    /// What it can, in the catalogue's words.
    pub can: Vec<&'static str>,
}

/// Where a price comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// `[[prices]]`
    Configuration,
    /// The built-in catalogue.
    Catalogue,
    /// Each answer says what it cost.
    Provider,
}

impl Source {
    fn word(self) -> &'static str {
        match self {
            Source::Configuration => "configuration",
            Source::Catalogue => "catalogue",
            Source::Provider => "provider",
        }
    }
}

impl Deployment {
    /// Every model that can be reached, in the order of the routes.
    pub fn reachable(&self) -> Vec<Reachable> {
        let mut rows = Vec::new();
        for route in &self.routes {
            for target in &route.targets {
                let provider = &self.providers[target.provider];
                let asked = &*route.name;
                match &target.model {
                    Some(model) => rows.push(self.row(asked, asked, provider, model)),
                    None => {
                        let names = names(provider, asked);
                        rows.extend(names.iter().map(|name| self.row(name, asked, provider, name)));
                    }
                }
            }
        }
        rows
    }

    fn row(&self, asked: &str, route: &str, provider: &Provider, model: &str) -> Reachable {
        let listing = provider.kind.and_then(|kind| catalogue::listing(kind, model));
        let own = self.own_price(&provider.name, model).map(Rates::configured);
        let known = listing.and_then(|listing| listing.rates());
        let priced_by = match (provider.reports_cost, own, known) {
            (true, ..) => Some(Source::Provider),
            (false, Some(_), _) => Some(Source::Configuration),
            (false, None, Some(_)) => Some(Source::Catalogue),
            (false, None, None) => None,
        };
        Reachable {
            model: asked.to_owned(),
            route: route.to_owned(),
            provider: provider.name.to_string(),
            provider_model: model.to_owned(),
            rates: own.or(known),
            priced_by,
            long: listing.and_then(|listing| listing.long()).filter(|_| own.is_none()),
            peak: listing.and_then(|listing| listing.peak()).filter(|_| own.is_none()),
            context: listing.and_then(|listing| listing.context),
            max_output: listing.and_then(|listing| listing.max_output),
            can: listing.map(|listing| listing.can.iter().map(|can| can.word()).collect()).unwrap_or_default(),
        }
    }
}

/// The names of a route without a model of its own at one of its providers.
fn names(provider: &Provider, asked: &str) -> Vec<String> {
    if !asked.ends_with('*') {
        return vec![asked.to_owned()];
    }
    let listed = provider.models.iter().filter(|name| !name.ends_with('*') && matches(asked, name));
    let mut names: Vec<String> = listed.cloned().collect();
    if provider.models.is_empty()
        && let Some(kind) = provider.kind.and_then(providers::named)
    {
        let known = catalogue::models(kind).map(|(name, _)| name).filter(|name| matches(asked, name));
        names.extend(known.map(str::to_owned));
    }
    if names.is_empty() {
        names.push(asked.to_owned());
    }
    names
}

/// The rows as JSON, one array.
pub fn json(rows: &[Reachable]) -> String {
    let row = |row: &Reachable| {
        json!({
            "model": row.model,
            "route": row.route,
            "provider": row.provider,
            "provider_model": row.provider_model,
            "priced_by": row.priced_by.map(Source::word),
            "prices": row.rates.map(rates),
            "long_requests": row.long.map(|(tokens, long)| json!({ "above_tokens": tokens, "prices": rates(long) })),
            "busy_hours": row.peak.map(|(hours, peak)| json!({ "hours_utc": hours, "prices": rates(peak) })),
            "context_tokens": row.context,
            "max_output_tokens": row.max_output,
            "capabilities": row.can,
        })
    };
    let rows: Vec<Value> = rows.iter().map(row).collect();
    let mut text = serde_json::to_string_pretty(&rows).expect("a JSON value can be written");
    text.push('\n');
    text
}

fn rates(rates: Rates) -> Value {
    json!({
        "input_usd_per_mtok": rates.input,
        "output_usd_per_mtok": rates.output,
        "cache_read_usd_per_mtok": rates.cache_read,
        "cache_write_usd_per_mtok": rates.cache_write,
        "reasoning_usd_per_mtok": rates.reasoning,
    })
}

/// The rows for people, in columns, with a line about where prices come from.
pub fn table(rows: &[Reachable]) -> String {
    let mut cells: Vec<[String; 8]> =
        vec![["MODEL", "ROUTE", "PROVIDER", "ITS NAME", "INPUT", "OUTPUT", "CONTEXT", "CAN"].map(str::to_owned)];
    cells.extend(rows.iter().map(cells_of));
    let mut widths = [0; 8];
    for row in &cells {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in &cells {
        let line: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(text, "{}", line.join("  ").trim_end()).expect("writing to a string cannot fail");
    }
    let as_of = catalogue::as_of();
    let sources = "`*` is any name; prices are US dollars per million tokens";
    writeln!(
        text,
        "\n{sources}, those marked c from the catalogue of {as_of}; `told`: each answer says; `?`: unknown."
    )
    .expect("writing to a string cannot fail");
    text
}

fn cells_of(row: &Reachable) -> [String; 8] {
    let price = |rate: Option<f64>| match (rate, row.priced_by) {
        (_, Some(Source::Provider)) => "told".to_owned(),
        (Some(rate), Some(Source::Catalogue)) => format!("{rate} c"),
        (Some(rate), _) => rate.to_string(),
        (None, _) => "?".to_owned(),
    };
    [
        row.model.clone(),
        row.route.clone(),
        row.provider.clone(),
        row.provider_model.clone(),
        price(row.rates.map(|rates| rates.input)),
        price(row.rates.map(|rates| rates.output)),
        row.context.map_or("?".to_owned(), |tokens| tokens.to_string()),
        if row.can.is_empty() { "?".to_owned() } else { row.can.join(" ") },
    ]
}
