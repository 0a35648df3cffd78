//! `ferrodrive compare`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use bag::{Reader, Selection};
use clap::Args;
use evaluation::comparison::{self, Taken};
use ferrodrive::drive;
use middleware::Decoders;

#[derive(Args)]
pub struct CompareArguments {
    /// A recording, e.g. of a drive
    a: PathBuf,
    /// Another of the same drive, e.g. of a replay
    b: PathBuf,
    /// Writes the comparison here
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes plots and tables here: one page that needs nothing but a browser
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl CompareArguments {
    /// Prints what differs. Differences are no failure; recordings that share no topic are.
    pub fn run(self) -> anyhow::Result<bool> {
        let (a, b) = (take(&self.a)?, take(&self.b)?);
        let comparison = comparison::compare(&a, &b);
        if comparison.identical.is_empty() && comparison.different.is_empty() {
            bail!("{} and {} have no topic in common", self.a.display(), self.b.display());
        }
        if let Some(file) = &self.json {
            drive::write_json(&comparison, file)?;
        }
        if let Some(file) = &self.html {
            let names = [self.a.display().to_string(), self.b.display().to_string()];
            std::fs::write(file, comparison.page(&a, &b, [&names[0], &names[1]]))
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        print!("{}", comparison.table());
        Ok(true)
    }
}

fn take(path: &Path) -> anyhow::Result<Taken> {
    let reader = Reader::open(path)?;
    reader.warnings().iter().for_each(|warning| eprintln!("warning: {}: {warning}", path.display()));
    let decoders = Decoders::default();
    for known in reader.topics() {
        if let Err(error) = decoders.check(&known.topic.type_name, known.topic.type_hash.as_deref()) {
            eprintln!("warning: {}: {}: {error}; it is compared by its bytes alone", path.display(), known.topic.name);
        }
    }
    let mut taken = Taken::default();
    for item in reader.messages(&Selection::default())? {
        let message = match item {
            Ok(message) => message,
            Err(error) => {
                eprintln!("warning: {error}");
                continue;
            }
        };
        let topic = &message.topic;
        taken.on_bytes(message.time, &topic.name, &topic.type_name, &message.cdr);
        if decoders.check(&topic.type_name, topic.type_hash.as_deref()).is_err() {
            continue;
        }
        match decoders.decode(&topic.type_name, &message.cdr) {
            Ok(decoded) => taken.on_message(message.time, &topic.name, &decoded),
            Err(error) => eprintln!("warning: {}: {}, {}: {error}", path.display(), topic.name, message.time),
        }
    }
    Ok(taken)
}
