internal import Glibc
internal import Synchronization

/// A line on standard error that tells how far long work has come; nothing at all where that is no terminal.
package final class ProgressBar: Sendable {
    private let title: String
    private let isShown: Bool
    private let lastDrawn = Mutex<ContinuousClock.Instant?>(nil)
    private let interval: Duration = .milliseconds(100)

    /// A bar with a title of a few words. `isShown` nil asks whether standard error is a terminal.
    package init(_ title: String, isShown: Bool? = nil) {
        self.title = title
        self.isShown = isShown ?? (isatty(STDERR_FILENO) == 1)
    }

    /// Shows `done` of `total`, ten times a second at most; a total of 0 is unknown and shows the count alone.
    package func update(_ done: UInt64, of total: UInt64 = 0, note: @autoclosure () -> String = "") {
        guard isShown else { return }
        lastDrawn.withLock { last in
            let now = ContinuousClock.now
            if let last, now - last < interval { return }
            last = now
            draw(Self.line(title, done, of: total, note: note()))
        }
    }

    /// Removes the line.
    package func finish() {
        let wasDrawn = lastDrawn.withLock { last in
            defer { last = nil }
            return last != nil
        }
        guard wasDrawn else { return }
        try? Descriptor.write(Array("\r\u{1B}[K".utf8), to: STDERR_FILENO)
    }

    private func draw(_ line: String) {
        try? Descriptor.write(Array(("\r" + line + "\u{1B}[K").utf8), to: STDERR_FILENO)
    }

    /// The text of a bar: title, bar of 30 places, percentage, note.
    package static func line(_ title: String, _ done: UInt64, of total: UInt64, note: String) -> String {
        var text = title
        if total > 0 {
            let share = min(1, Double(done) / Double(total))
            let filled = Int(share * 30)
            text += " [" + String(repeating: "#", count: filled) + String(repeating: ".", count: 30 - filled) + "]"
            text += " \(Int(share * 100)) %"
        } else {
            text += " \(done)"
        }
        return note.isEmpty ? text : text + " " + note
    }
}
