//! rhai-oracle: reference runner around the real Rhai engine.
use rhai::{Dynamic, Engine, EvalAltResult, GlobalRuntimeState, Module, ModuleResolver, OptimizationLevel, Position, Scope, Shared, AST};
use serde_json::{json, Map as JMap, Value as J};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

#[derive(Clone, Debug)]
struct Opts {
    max_ops: u64,
    no_expr_limits: bool,
    max_call_levels: Option<usize>,
    opt: OptimizationLevel,
    vm: bool,
    runs: usize,
    timeout: u64,
    mem_mb: u64,
}

#[derive(Default)]
struct Cap {
    out: Vec<String>,
    events: Vec<J>,
    echo: bool,
}

fn make_engine(o: &Opts, cap: Option<Rc<RefCell<Cap>>>) -> Engine {
    let mut e = Engine::new();
    e.set_optimization_level(o.opt);
    if o.max_ops > 0 {
        e.set_max_operations(o.max_ops);
    }
    if o.no_expr_limits {
        e.set_max_expr_depths(0, 0);
    }
    if let Some(n) = o.max_call_levels {
        e.set_max_call_levels(n);
    }
    if let Some(cap) = cap {
        let c = cap.clone();
        e.on_print(move |s| {
            let mut c = c.borrow_mut();
            if c.echo {
                println!("{s}");
            }
            c.out.push(s.to_string());
            c.events.push(json!({"kind":"print","text":s}));
        });
        let c = cap;
        e.on_debug(move |s, src, pos| {
            // exactly what Engine::new() prints by default
            let line = match (src, pos) {
                (Some(src), Position::NONE) => format!("{src} | {s}"),
                (Some(src), pos) => format!("{src} @ {pos:?} | {s}"),
                (None, Position::NONE) => s.to_string(),
                (None, pos) => format!("{pos:?} | {s}"),
            };
            let mut c = c.borrow_mut();
            if c.echo {
                println!("{line}");
            }
            c.out.push(line);
            c.events.push(json!({"kind":"debug","text":s,"line":pos.line(),"col":pos.position()}));
        });
    }
    e
}

/// Modules given with a job, by name. As Rhai's resolver of files does, each is evaluated once,
/// with its name as its source.
struct Modules {
    sources: HashMap<String, String>,
    done: RefCell<BTreeMap<String, Shared<Module>>>,
}
impl ModuleResolver for Modules {
    fn resolve_raw(
        &self,
        engine: &Engine,
        global: &mut GlobalRuntimeState,
        scope: &mut Scope,
        path: &str,
        pos: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        if let Some(m) = self.done.borrow().get(path) {
            return Ok(m.clone());
        }
        let in_module = |err| Box::new(EvalAltResult::ErrorInModule(path.to_string(), err, pos));
        let Some(source) = self.sources.get(path) else {
            return Err(Box::new(EvalAltResult::ErrorModuleNotFound(path.to_string(), pos)));
        };
        let mut ast = engine.compile(source).map_err(|e| in_module(Box::new(e.into())))?;
        ast.set_source(path);
        let m: Shared<Module> = Module::eval_ast_as_new_raw(engine, scope, global, &ast).map_err(in_module)?.into();
        self.done.borrow_mut().insert(path.to_string(), m.clone());
        Ok(m)
    }
    fn resolve(&self, engine: &Engine, _source: Option<&str>, path: &str, pos: Position) -> Result<Shared<Module>, Box<EvalAltResult>> {
        self.resolve_raw(engine, &mut engine.new_global_runtime_state(), &mut Scope::new(), path, pos)
    }
}

/// Renders values through Rhai's own `type_of`, `to_debug`, `to_string`.
struct Renderer {
    engine: Engine,
    ty: AST,
    dbg: AST,
    disp: AST,
}
impl Renderer {
    fn new() -> Self {
        let mut engine = Engine::new();
        engine.set_optimization_level(OptimizationLevel::None);
        let c = |s: &str| engine.compile(s).unwrap();
        let (ty, dbg, disp) = (c("type_of(v)"), c("to_debug(v)"), c("to_string(v)"));
        Self { engine, ty, dbg, disp }
    }
    fn one(&self, ast: &AST, v: &Dynamic, fallback: impl Fn() -> String) -> String {
        let mut s = Scope::new();
        s.push_dynamic("v", v.clone());
        self.engine
            .eval_ast_with_scope::<Dynamic>(&mut s, ast)
            .ok()
            .and_then(|d| d.into_string().ok())
            .unwrap_or_else(fallback)
    }
    fn render(&self, v: Dynamic) -> (String, String, String) {
        let v = v.flatten();
        (
            self.one(&self.ty, &v, || v.type_name().to_string()),
            self.one(&self.dbg, &v, || format!("{v:?}")),
            self.one(&self.disp, &v, || format!("{v}")),
        )
    }
}

fn variant_name(e: &EvalAltResult) -> String {
    let s = format!("{e:?}");
    s.split(|c: char| !c.is_alphanumeric()).next().unwrap_or("").to_string()
}

fn err_json(out: &mut JMap<String, J>, kind: &str, e: &EvalAltResult, r: &Renderer) {
    out.insert("ok".into(), json!(false));
    out.insert("kind".into(), json!(kind));
    out.insert("error".into(), json!(e.to_string()));
    out.insert("variant".into(), json!(variant_name(e)));
    let p = e.position();
    out.insert("line".into(), json!(p.line()));
    out.insert("col".into(), json!(p.position()));
    let inner = e.unwrap_inner();
    if variant_name(inner) != variant_name(e) {
        out.insert("inner".into(), json!(inner.to_string()));
        out.insert("inner_variant".into(), json!(variant_name(inner)));
        let p = inner.position();
        out.insert("inner_line".into(), json!(p.line()));
        out.insert("inner_col".into(), json!(p.position()));
    }
    if let EvalAltResult::ErrorRuntime(d, ..) = inner {
        let (ty, dbg, _) = r.render(d.clone());
        out.insert("thrown_type".into(), json!(ty));
        out.insert("thrown".into(), json!(dbg));
    }
}

fn eval_walker(e: &Engine, ast: &AST) -> Result<Dynamic, Box<EvalAltResult>> {
    let mut scope = Scope::new();
    e.eval_ast_with_scope::<Dynamic>(&mut scope, ast)
}

#[cfg(feature = "grain")]
fn eval_vm(e: &Engine, ast: &AST) -> Result<Dynamic, Box<EvalAltResult>> {
    use rhai::grain::{Compiler, Vm};
    let p = Compiler::new().compile(ast).into_shared();
    Vm::new(e).eval_with_callbacks(&mut Scope::new(), &p)
}
#[cfg(not(feature = "grain"))]
fn eval_vm(_: &Engine, _: &AST) -> Result<Dynamic, Box<EvalAltResult>> {
    panic!("--vm needs the head build (rhai-oracle-head-grain)")
}

fn run_script(script: &str, modules: HashMap<String, String>, o: &Opts, r: &Renderer, echo: bool) -> (JMap<String, J>, Rc<RefCell<Cap>>) {
    let cap = Rc::new(RefCell::new(Cap { echo, ..Default::default() }));
    let mut m = JMap::new();
    let c2 = cap.clone();
    let res = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut e = make_engine(o, Some(c2));
        e.set_module_resolver(Modules { sources: modules, done: Default::default() });
        let ast = match e.compile(script) {
            Ok(a) => a,
            Err(pe) => return Err(("parse", Box::new(EvalAltResult::from(pe)))),
        };
        if o.vm { eval_vm(&e, &ast) } else { eval_walker(&e, &ast) }
            .map(|v| r.render(v))
            .map_err(|e| {
                let k = if matches!(e.unwrap_inner(), EvalAltResult::ErrorParsing(..)) { "parse" } else { "runtime" };
                (k, e)
            })
    }));
    match res {
        Ok(Ok((ty, dbg, disp))) => {
            m.insert("ok".into(), json!(true));
            m.insert("type".into(), json!(ty));
            m.insert("value".into(), json!(dbg));
            m.insert("display".into(), json!(disp));
        }
        Ok(Err((k, e))) => err_json(&mut m, k, &e, r),
        Err(p) => {
            let msg = p
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| p.downcast_ref::<&str>().map(|s| s.to_string()))
                .unwrap_or_default();
            m.insert("ok".into(), json!(false));
            m.insert("kind".into(), json!("panic"));
            m.insert("error".into(), json!(msg));
        }
    }
    (m, cap)
}

/// `--batch-worker`: one JSON line in, one JSON line out.
fn worker(o: &Opts) {
    std::panic::set_hook(Box::new(|_| {}));
    let r = Renderer::new();
    let stdin = std::io::stdin();
    for line in stdin.lock().lines() {
        let Ok(line) = line else { break };
        let job: J = serde_json::from_str(&line).unwrap();
        let mut o = o.clone();
        if let Some(n) = job.get("max_ops").and_then(J::as_u64) {
            o.max_ops = n;
        }
        let text = |j: &J| j.as_str().unwrap_or("").to_string();
        let modules = job.get("modules").and_then(J::as_object);
        let modules = modules.map(|all| all.iter().map(|(name, source)| (name.clone(), text(source))).collect());
        let (mut m, cap) = run_script(&text(&job["script"]), modules.unwrap_or_default(), &o, &r, false);
        let cap = cap.borrow();
        m.insert("stdout".into(), json!(cap.out));
        if cap.events.iter().any(|e| e["kind"] == "debug") {
            m.insert("events".into(), json!(cap.events));
        }
        let mut full = JMap::new();
        full.insert("id".into(), job["id"].clone());
        full.extend(m);
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", J::Object(full)).unwrap();
        out.flush().unwrap();
    }
}

fn spawn_worker(args: &[String], mem_mb: u64) -> (std::process::Child, mpsc::Receiver<String>) {
    let exe = std::env::current_exe().unwrap();
    let mut c = Command::new("sh");
    // ulimit -v so that a runaway allocation kills only the worker
    c.arg("-c")
        .arg(format!("ulimit -v {}; ulimit -c 0; exec \"$0\" \"$@\"", mem_mb * 1024))
        .arg(exe)
        .arg("--batch-worker")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = c.spawn().unwrap();
    let out = child.stdout.take().unwrap();
    let (tx, rx) = mpsc::channel();
    std::thread::spawn(move || {
        for l in BufReader::new(out).lines() {
            let Ok(l) = l else { break };
            if tx.send(l).is_err() {
                break;
            }
        }
    });
    (child, rx)
}

fn batch(file: &str, o: &Opts, args: &[String]) {
    let text = if file == "-" {
        std::io::read_to_string(std::io::stdin()).unwrap()
    } else {
        std::fs::read_to_string(file).unwrap()
    };
    let mut w = spawn_worker(args, o.mem_mb);
    let mut out = std::io::stdout().lock();
    for line in text.lines().filter(|l| !l.trim().is_empty()) {
        let job: J = match serde_json::from_str(line) {
            Ok(j) => j,
            Err(e) => {
                writeln!(out, "{}", json!({"id":null,"ok":false,"kind":"badinput","error":e.to_string()})).unwrap();
                continue;
            }
        };
        let _ = writeln!(w.0.stdin.as_mut().unwrap(), "{job}");
        let _ = w.0.stdin.as_mut().unwrap().flush();
        match w.1.recv_timeout(Duration::from_secs(o.timeout)) {
            Ok(l) => writeln!(out, "{l}").unwrap(),
            Err(e) => {
                let why = match e {
                    mpsc::RecvTimeoutError::Timeout => "timeout",
                    _ => "crash",
                };
                let _ = w.0.kill();
                let st = w.0.wait().map(|s| s.to_string()).unwrap_or_default();
                writeln!(out, "{}", json!({"id":job["id"],"ok":false,"kind":why,"error":format!("worker {why}: {st}"),"stdout":[]})).unwrap();
                w = spawn_worker(args, o.mem_mb);
            }
        }
        out.flush().unwrap();
    }
    drop(w.0.stdin.take());
    let _ = w.0.wait();
}

#[cfg(feature = "functions")]
fn functions() {
    let mut all = Engine::new().gen_fn_signatures(true);
    all.sort();
    for f in all {
        println!("{f}");
    }
}
#[cfg(not(feature = "functions"))]
fn functions() {
    panic!("--functions needs a build with --features functions")
}

fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1e3
}

fn bench(file: &str, o: &Opts, r: &Renderer) {
    let script = std::fs::read_to_string(file).unwrap();
    let e = make_engine(o, None);
    let mut comp = f64::MAX;
    for _ in 0..o.runs {
        let t = Instant::now();
        let a = e.compile(&script).unwrap();
        comp = comp.min(ms(t.elapsed()));
        drop(a);
    }
    let ast = e.compile(&script).unwrap();
    let mut all = vec![];
    let mut val = Dynamic::UNIT;
    if !o.vm {
        for _ in 0..o.runs {
            let t = Instant::now();
            let v = eval_walker(&e, &ast).unwrap();
            all.push(ms(t.elapsed()));
            val = v;
        }
    }
    #[allow(unused_mut)]
    let mut extra = JMap::new();
    #[cfg(feature = "grain")]
    if o.vm {
        use rhai::grain::{Compiler, Vm};
        let mut pc = f64::MAX;
        for _ in 0..o.runs {
            let t = Instant::now();
            let p = Compiler::new().compile(&ast);
            pc = pc.min(ms(t.elapsed()));
            drop(p);
        }
        let p = Compiler::new().compile(&ast);
        extra.insert("grain_compile_ms".into(), json!(pc));
        extra.insert("residuals".into(), json!(p.residual_count()));
        let cb = p.makes_fn_pointers();
        extra.insert("callbacks".into(), json!(cb));
        let shared = Compiler::new().compile(&ast).into_shared();
        for _ in 0..o.runs {
            let t = Instant::now();
            let v = if cb {
                Vm::new(&e).eval_with_callbacks(&mut Scope::new(), &shared)
            } else {
                Vm::new(&e).eval_with_scope(&mut Scope::new(), &p)
            }
            .unwrap();
            all.push(ms(t.elapsed()));
            val = v;
        }
    }
    #[cfg(not(feature = "grain"))]
    if o.vm {
        panic!("--vm needs the head build");
    }
    let best = all.iter().cloned().fold(f64::MAX, f64::min);
    let (ty, dbg, _) = r.render(val);
    let dbg: String = dbg.chars().take(80).collect();
    let mut m = JMap::new();
    m.insert("file".into(), json!(file));
    m.insert("mode".into(), json!(if o.vm { "vm" } else { "walker" }));
    m.insert("compile_ms".into(), json!((comp * 1e4).round() / 1e4));
    m.insert("eval_ms".into(), json!((best * 1e3).round() / 1e3));
    m.insert("all_ms".into(), json!(all.iter().map(|x| (x * 1e2).round() / 1e2).collect::<Vec<_>>()));
    m.insert("type".into(), json!(ty));
    m.insert("value".into(), json!(dbg));
    m.extend(extra);
    println!("{}", J::Object(m));
}

const USAGE: &str = "rhai-oracle [OPTS] FILE|-            run a script: prints output, then one JSON line
rhai-oracle [OPTS] -e SCRIPT          same, script given inline
rhai-oracle [OPTS] --batch FILE|-     JSONL {id,script[,modules: {name: source}][,max_ops]} -> JSONL
rhai-oracle [OPTS] --bench FILE...    compile_ms / eval_ms, best of --runs (5)
rhai-oracle --ast FILE                dump the (optimized) AST
rhai-oracle --functions               list the library's functions (needs --features functions)
OPTS: --max-ops N (0=off; batch default 5000000, else 0)  --no-expr-limits  --max-call-levels N
      --opt none|simple|full (default simple)  --runs N  --timeout SECS (batch, 30)  --mem MB (batch, 2048)
      --vm (head+grain build only)";

fn real_main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut o = Opts {
        max_ops: 0,
        no_expr_limits: false,
        max_call_levels: None,
        opt: OptimizationLevel::Simple,
        vm: false,
        runs: 5,
        timeout: 30,
        mem_mb: 2048,
    };
    let mut mode = "run".to_string();
    let mut pos: Vec<String> = vec![];
    let mut pass: Vec<String> = vec![];
    let mut ops_set = false;
    let mut i = 0;
    while i < args.len() {
        let a = args[i].as_str();
        let next = |i: &mut usize| -> String {
            *i += 1;
            args.get(*i).cloned().unwrap_or_else(|| panic!("missing value\n{USAGE}"))
        };
        match a {
            "--batch" | "--bench" | "--ast" | "--functions" | "--batch-worker" | "-e" => mode = a.to_string(),
            "--max-ops" => {
                let v = next(&mut i);
                o.max_ops = v.parse().unwrap();
                ops_set = true;
                pass.extend([a.to_string(), v]);
            }
            "--no-expr-limits" => {
                o.no_expr_limits = true;
                pass.push(a.into());
            }
            "--max-call-levels" => {
                let v = next(&mut i);
                o.max_call_levels = Some(v.parse().unwrap());
                pass.extend([a.to_string(), v]);
            }
            "--opt" => {
                let v = next(&mut i);
                o.opt = match v.as_str() {
                    "none" => OptimizationLevel::None,
                    "simple" => OptimizationLevel::Simple,
                    "full" => OptimizationLevel::Full,
                    _ => panic!("{USAGE}"),
                };
                pass.extend([a.to_string(), v]);
            }
            "--vm" => {
                o.vm = true;
                pass.push(a.into());
            }
            "--runs" => o.runs = next(&mut i).parse().unwrap(),
            "--timeout" => o.timeout = next(&mut i).parse().unwrap(),
            "--mem" => o.mem_mb = next(&mut i).parse().unwrap(),
            "-h" | "--help" => {
                println!("{USAGE}");
                return;
            }
            _ => pos.push(args[i].clone()),
        }
        i += 1;
    }
    if !ops_set && matches!(mode.as_str(), "--batch" | "--batch-worker") {
        o.max_ops = 5_000_000;
    }
    match mode.as_str() {
        "--batch-worker" => worker(&o),
        "--functions" => functions(),
        "--batch" => batch(&pos[0], &o, &pass),
        "--bench" => {
            let r = Renderer::new();
            for f in &pos {
                bench(f, &o, &r)
            }
        }
        "--ast" => {
            let e = make_engine(&o, None);
            let s = std::fs::read_to_string(&pos[0]).unwrap();
            match e.compile(&s) {
                Ok(a) => println!("{a:#?}"),
                Err(x) => println!("{x}"),
            }
        }
        _ => {
            let Some(p) = pos.first() else {
                println!("{USAGE}");
                return;
            };
            let s = if mode == "-e" {
                p.clone()
            } else if p == "-" {
                std::io::read_to_string(std::io::stdin()).unwrap()
            } else {
                std::fs::read_to_string(p).unwrap()
            };
            let r = Renderer::new();
            let (m, _) = run_script(&s, HashMap::new(), &o, &r, true);
            println!("{}", J::Object(m));
        }
    }
}

fn main() {
    // Big stack: Rhai's own limits, not the OS stack, decide what overflows.
    std::thread::Builder::new()
        .stack_size(512 << 20)
        .spawn(real_main)
        .unwrap()
        .join()
        .unwrap_or_else(|_| std::process::exit(101));
}
