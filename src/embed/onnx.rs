//! The real embedder: the shipped int8 model in ONNX Runtime.
//!
//! One session per thread, because a run needs exclusive access and sharing would need a lock. The
//! library is opened at run time, so that building needs neither it nor a network, and its absence
//! is a sentence instead of a failed start.

use super::Broken;
use super::DIMENSIONS;
use super::Embedder;
use super::NoVector;
use super::Tokens;
use super::Vector;
use super::model;
use super::model::Surroundings;
use super::tokenizer::WordPiece;
use crate::config::Embedding;
use crate::sys::process;
use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::session::HasSelectedOutputs;
use ort::session::OutputSelector;
use ort::session::RunOptions;
use ort::session::Session;
use ort::value::TensorRef;
use std::env;
use std::fmt;
use std::io;
use std::panic;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

const INPUT: &str = "input_ids";
const OUTPUT: &str = "embedding";
/// This fusion makes twelve operators of the model three times as slow as their parts.
const HARMFUL_FUSION: &str = "SkipLayerNormFusion";
/// Official builds of the library start an uploader and write a device identifier unless this is set
/// before they are loaded; the programming interface can only stop the part that comes later.
const TELEMETRY_OFF: (&str, &str) = ("ORT_DISABLE_TELEMETRY", "1");

/// Makes sure that ONNX Runtime will not report to its vendor. Call it first thing in `main`: no
/// embedder opens otherwise.
///
/// # Errors
/// Fails when other threads run already.
pub fn forbid_telemetry() -> io::Result<()> {
    process::set_variable(TELEMETRY_OFF.0, TELEMETRY_OFF.1)
}

/// What embedders are opened from. Shared by all companions: files are found and checked once.
pub struct OnnxSource {
    library: Option<PathBuf>,
    model_dir: Option<PathBuf>,
    tokens_max: usize,
    checked: Mutex<Option<Arc<Checked>>>,
}

/// What the files gave. The tokenizer takes 7 MB and is only read: one serves every thread.
struct Checked {
    model: PathBuf,
    tokenizer: WordPiece,
}

impl OnnxSource {
    /// As the settings say.
    pub fn new(settings: &Embedding) -> OnnxSource {
        OnnxSource {
            library: settings.library.clone(),
            model_dir: settings.model_dir.clone(),
            tokens_max: settings.tokens_max.min(model::MODEL_TOKENS_MAX),
            checked: Mutex::new(None),
        }
    }

    /// Most tokens of a text, marks included.
    pub fn tokens_max(&self) -> usize {
        self.tokens_max
    }

    /// Loads library and model and checks that they compute what they should. Takes a tenth of a
    /// second: not for a shard.
    ///
    /// # Errors
    /// One sentence that says what is missing or wrong, and what to do.
    pub fn open(&self) -> Result<OnnxEmbedder, String> {
        let around = Surroundings::of_process();
        let files = self.checked_files(&around)?;
        let library = model::find_library(self.library.as_deref(), &around)?;
        // The binding panics where the library misses a function that it expects.
        let session = panic::catch_unwind(|| session(library.as_deref(), &files.model));
        let session =
            session.unwrap_or_else(|_| Err("ONNX Runtime's library cannot be used: another version?".into()))?;
        let mut embedder = OnnxEmbedder { session, options: run_options()?, files, ids: Vec::new() };
        embedder.check_itself()?;
        Ok(embedder)
    }

    fn checked_files(&self, around: &Surroundings) -> Result<Arc<Checked>, String> {
        // Held while reading: the other companions want the same result and have nothing else to do.
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(files) = &*checked {
            return Ok(files.clone());
        }
        let dir = model::find_model_dir(self.model_dir.as_deref(), around)?;
        let model = model::open(&dir)?;
        let tokenizer = WordPiece::read(&model.tokenizer, self.tokens_max)
            .map_err(|what| format!("{} {what}", model::TOKENIZER_FILE))?;
        let files = Arc::new(Checked { model: model.path, tokenizer });
        *checked = Some(files.clone());
        Ok(files)
    }
}

/// One session, for one thread.
pub struct OnnxEmbedder {
    session: Session,
    options: RunOptions<HasSelectedOutputs>,
    files: Arc<Checked>,
    /// The batch as the session wants it, kept to spare an allocation per run.
    ids: Vec<i64>,
}

impl OnnxEmbedder {
    fn check_itself(&mut self) -> Result<(), String> {
        for (index, text) in model::SELF_CHECK_TEXTS.into_iter().enumerate() {
            let tokens = self.tokens(text).map_err(|reason| format!("the self-check text is {}", reason.label()))?;
            let mut out = Vec::with_capacity(1);
            self.vectors(&[tokens], &mut out).map_err(|Broken(what)| format!("the self-check failed: {what}"))?;
            model::judge_self_check(index, &out[0])?;
        }
        Ok(())
    }
}

impl fmt::Debug for OnnxSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = formatter.debug_struct("OnnxSource");
        fields.field("library", &self.library).field("model_dir", &self.model_dir).finish_non_exhaustive()
    }
}

impl Embedder for OnnxEmbedder {
    fn tokens(&mut self, text: &str) -> Result<Tokens, NoVector> {
        self.files.tokenizer.tokens(text)
    }

    fn vectors(&mut self, batch: &[Tokens], out: &mut Vec<Vector>) -> Result<(), Broken> {
        let Some(length) = batch.first().map(Tokens::length) else { return Ok(()) };
        self.ids.clear();
        self.ids.extend(batch.iter().flat_map(Tokens::ids));
        if self.ids.len() != length * batch.len() || length == 0 {
            return Err(Broken("a batch of texts of different or no length".into()));
        }
        // The library takes a negative id for one counted from the end of its table.
        if self.ids.iter().any(|id| id.is_negative()) {
            return Err(Broken("a negative token id".into()));
        }
        let broken = |error: ort::Error| Broken(format!("ONNX Runtime: {error}"));
        let input = TensorRef::from_array_view(([batch.len(), length], &*self.ids)).map_err(broken)?;
        let outputs = self.session.run_with_options(ort::inputs![INPUT => input], &self.options).map_err(broken)?;
        let (_, components) = outputs[OUTPUT].try_extract_tensor::<f32>().map_err(broken)?;
        let (vectors, rest) = components.as_chunks::<DIMENSIONS>();
        if vectors.len() != batch.len() || !rest.is_empty() || !components.iter().all(|c| c.is_finite()) {
            return Err(Broken("the model's answer is not one finite vector per text".into()));
        }
        out.extend(vectors.iter().map(|vector| Vector::from(vector.as_slice())));
        Ok(())
    }
}

fn run_options() -> Result<RunOptions<HasSelectedOutputs>, String> {
    let options = RunOptions::new().map_err(|error| format!("ONNX Runtime: {error}"))?;
    // Vectors per token are the model's other output; they cost a copy unless left out.
    Ok(options.with_outputs(OutputSelector::no_default().with(OUTPUT)))
}

fn session(library: Option<&Path>, model: &Path) -> Result<Session, String> {
    let environment = environment(library)?;
    let build = || -> ort::Result<Session> {
        Session::builder(&environment)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .with_intra_op_spinning(false)?
            .with_inter_op_spinning(false)?
            .with_parallel_execution(false)?
            .with_disabled_optimizers(HARMFUL_FUSION)?
            .commit_from_file(model)
    };
    build().map_err(|error| format!("{} cannot be loaded: {error}", model.display()))
}

/// The process's only environment; the library allows one.
static ENVIRONMENT: Mutex<Option<(Option<PathBuf>, Environment)>> = Mutex::new(None);

fn environment(library: Option<&Path>) -> Result<Environment, String> {
    let mut current = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((loaded, environment)) = &*current {
        return if loaded.as_deref() == library {
            Ok(environment.clone())
        } else {
            Err("another ONNX Runtime library is loaded already: restart to change it".into())
        };
    }
    let (name, value) = TELEMETRY_OFF;
    if env::var_os(name).is_none_or(|set| set != value) {
        return Err(format!(
            "ONNX Runtime is not loaded without {name}={value} in the environment: it would report home"
        ));
    }
    let environment = match library {
        Some(path) => load(path)?,
        None => load(Path::new("libonnxruntime.so.1")).or_else(|_| load(Path::new("libonnxruntime.so"))).map_err(|reason| {
            format!(
                "ONNX Runtime's library was not found: run `make setup`, or name it in embedding.library or {} ({reason})",
                model::LIBRARY_VARIABLE
            )
        })?,
    };
    *current = Some((library.map(Path::to_path_buf), environment.clone()));
    Ok(environment)
}

fn load(library: &Path) -> Result<Environment, String> {
    let builder = ort::init_from(library).map_err(|error| format!("ONNX Runtime cannot be loaded: {error}"))?;
    let environment = builder
        .with_name("ringgate")
        .with_telemetry(false)
        // What goes wrong comes back as an error; what the library prints beside that is noise.
        .with_logger(Arc::new(|_, _, _, _, _| {}))
        .build()
        .map_err(|error| format!("ONNX Runtime does not start: {error}"))?;
    environment.set_log_level(LogLevel::Fatal);
    Ok(environment)
}
