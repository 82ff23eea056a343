/// What a command has drawn by chance, in order: the same however often it must run, or the transaction around it. Else what
/// it has fetched would never be what it asks for next.
final class Draws {
    private var incarnations: [UInt64] = []
    private var chances: [UInt64] = []
    private var nextIncarnation = 0
    private var nextChance = 0

    /// The command runs again from the start.
    func rewind() {
        nextIncarnation = 0
        nextChance = 0
    }

    /// A number that no large hash has had: milliseconds, and some bits by chance.
    func incarnation(now: UInt64) -> UInt64 {
        if nextIncarnation == incarnations.count { incarnations.append(now << 22 | .random(in: 0..<1 << 22)) }
        defer { nextIncarnation += 1 }
        return incarnations[nextIncarnation]
    }

    /// A number to choose by.
    func chance() -> UInt64 {
        if nextChance == chances.count { chances.append(.random(in: .min ... .max)) }
        defer { nextChance += 1 }
        return chances[nextChance]
    }
}
