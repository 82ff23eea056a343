/// Striped locks by key hash: two updates of one key take turns, updates of different keys seldom meet.
final class KeyLocks: Sendable {
    private let stripes: [Lock] = (0..<64).map { _ in Lock() }

    /// Runs `body` while no other update of the same key runs.
    func withLock<R, E: Error>(_ hash: UInt64, _ body: () throws(E) -> R) throws(E) -> R {
        try stripes[Int(hash >> 58)].withLock(body)
    }
}
