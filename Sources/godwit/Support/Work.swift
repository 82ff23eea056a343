import CommandSupport
import GodwitEngine

/// Runs long work of the engine with a bar that follows it.
func showingProgress<R>(_ title: String, _ work: (@escaping (WorkProgress) -> Void) throws -> R) rethrows -> R {
    let bar = ProgressBar(title)
    defer { bar.finish() }
    return try work { progress in bar.update(progress.done, of: progress.total, note: progress.step) }
}
