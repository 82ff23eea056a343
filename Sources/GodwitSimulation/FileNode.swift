/// A file of the simulated disk: its bytes as every reader sees them, and for each 512-byte sector changed since the
/// last sync what it held before, back to what the disk holds. A crash picks, per sector, one of these states.
struct FileNode {
    /// The unit in which a disk persists.
    static let sectorSize = 512
    /// Earlier states of one sector that are remembered at most; later ones between these and now are not told apart.
    private static let historyLimit = 16

    /// The bytes as readers see them (the page cache).
    private(set) var content: [UInt8] = []
    /// How many names the file has, as readers see them and on the disk, and how many handles are open on it.
    var links = 0
    var durableLinks = 0
    var handles = 0

    /// What changed the file since the last sync: the byte range touched and the size it left.
    private struct Change {
        let start: Int
        let end: Int
        let size: Int
    }

    /// The states of a sector before its last change, the one on the disk first. A state shorter than a sector goes on
    /// with zeros. `order` numbers the change that made the state; 0 is the disk's.
    private struct Sector {
        var states: [(order: Int, bytes: [UInt8])]
        var lastOrder: Int
        /// A sync of this state failed: the cache shows it, no later sync writes it, and a crash loses it.
        var isDropped = false
    }

    private var durableSize = 0
    private var changes: [Change] = []
    private var sectors: [Int: Sector] = [:]

    /// Whether everything that readers see is on the disk.
    var isClean: Bool { changes.isEmpty && sectors.isEmpty && durableSize == content.count }

    /// Writes bytes, growing the file with zeros up to `offset` where needed.
    mutating func write(_ bytes: [UInt8], at offset: Int) {
        if bytes.isEmpty { return }
        let end = offset + bytes.count
        remember(offset, end, size: max(content.count, end))
        grow(to: end)
        content.replaceSubrange(offset..<end, with: bytes)
    }

    /// Cuts the file, or grows it with zeros.
    mutating func truncate(to size: Int) {
        remember(size, content.count, size: size)
        if size < content.count { content.removeLast(content.count - size) } else { grow(to: size) }
    }

    private mutating func grow(to size: Int) {
        if size > content.count { content += [UInt8](repeating: 0, count: size - content.count) }
    }

    /// Keeps the states of the sectors of `start..<end` before they change.
    private mutating func remember(_ start: Int, _ end: Int, size: Int) {
        changes.append(Change(start: start, end: max(start, end), size: size))
        if end <= start { return }
        for number in (start / Self.sectorSize)...((end - 1) / Self.sectorSize) {
            let from = number * Self.sectorSize
            let bytes = from < content.count ? Array(content[from..<min(from + Self.sectorSize, content.count)]) : []
            if var sector = sectors.removeValue(forKey: number) {
                // A state that a failed sync dropped is no state the disk can be left with.
                if !sector.isDropped, sector.states.count < Self.historyLimit {
                    sector.states.append((sector.lastOrder, bytes))
                }
                sector.lastOrder = changes.count
                sector.isDropped = false
                sectors[number] = sector
            } else {
                sectors[number] = Sector(states: [(0, bytes)], lastOrder: changes.count)
            }
        }
    }

    /// Makes what readers see durable, but for what an earlier failed sync dropped.
    mutating func sync() {
        sectors = sectors.filter { $0.value.isDropped }
        changes = []
        durableSize = content.count
    }

    /// What a failed sync does on Linux: the pages are taken for clean, so no later sync writes them.
    mutating func failSync() {
        for number in sectors.keys {
            guard var sector = sectors[number] else { continue }
            sector.isDropped = true
            sector.states.removeLast(sector.states.count - 1)
            sectors[number] = sector
        }
        changes = []
    }

    /// Shows what is on the disk where a failed sync dropped the data, as when the page cache lets a clean page go.
    mutating func evictDropped() {
        for (number, sector) in sectors where sector.isDropped {
            let from = number * Self.sectorSize
            if from < content.count {
                let shown = Self.joined(sector.states[0].bytes, [], Self.sectorSize)
                let length = min(Self.sectorSize, content.count - from)
                content.replaceSubrange(from..<(from + length), with: shown[..<length])
            }
        }
        sectors = sectors.filter { !$0.value.isDropped }
    }

    /// Flips bits in what readers see, and in every state a crash could leave.
    mutating func flip(_ mask: UInt8, at offset: Int) {
        content[offset] ^= mask
        let number = offset / Self.sectorSize
        guard var sector = sectors.removeValue(forKey: number) else { return }
        for index in sector.states.indices where offset % Self.sectorSize < sector.states[index].bytes.count {
            sector.states[index].bytes[offset % Self.sectorSize] ^= mask
        }
        sectors[number] = sector
    }

    /// The bytes that are on the disk for certain: those left when a crash loses everything not synced.
    var durableContent: [UInt8] {
        var copy = self
        var unused = Xoshiro(seed: 0)
        copy.crash(.loseUnsynced, &unused)
        return copy.content
    }

    /// Gives the file other bytes, durable at once.
    mutating func replace(with bytes: [UInt8]) {
        content = bytes
        durableSize = bytes.count
        changes = []
        sectors = [:]
    }

    /// Forgets all bytes: nothing can reach the file any more.
    mutating func clear() { replace(with: []) }

    /// Loses power: what was not synced is there, gone, partly there, or there without what came before it.
    mutating func crash(_ outcome: CrashOutcome, _ random: inout Xoshiro) {
        if isClean { return }
        switch outcome {
        case .keepEverything: break
        case .loseUnsynced: rebuild(size: durableSize) { _, sector, _ in sector.states[0].bytes }
        case .inOrder: crashInOrder(&random)
        case .scattered: crashScattered(&random)
        case .random:
            switch random.below(6) {
            case 0: rebuild(size: durableSize) { _, sector, _ in sector.states[0].bytes }
            case 1: rebuild(size: content.count) { _, _, current in current }
            case 2, 3: crashInOrder(&random)
            default: crashScattered(&random)
            }
        }
        sectors = [:]
        changes = []
        durableSize = content.count
    }

    /// The changes up to some moment are on the disk, the last of them up to some byte.
    private mutating func crashInOrder(_ random: inout Xoshiro) {
        let last = random.below(changes.count + 1)
        guard last > 0 else { return rebuild(size: durableSize) { _, sector, _ in sector.states[0].bytes } }
        let change = changes[last - 1]
        let cut = change.start + random.below(change.end - change.start + 1)
        let sizeBefore = last > 1 ? changes[last - 2].size : durableSize
        let size = change.size > sizeBefore ? max(sizeBefore, min(cut, change.size)) : change.size
        rebuild(size: size) { number, sector, current in
            let after = Self.state(of: sector, current, atMost: last)
            let before = Self.state(of: sector, current, atMost: last - 1)
            return Self.joined(after, before, cut - number * Self.sectorSize)
        }
    }

    /// Every sector is on the disk or not by itself, some of them torn; the size is any the file may have had.
    private mutating func crashScattered(_ random: inout Xoshiro) {
        let sizes = [durableSize, content.count] + changes.map(\.size)
        let least = sizes.min() ?? 0
        let most = sizes.max() ?? 0
        let size: Int
        switch random.below(4) {
        case 0: size = durableSize
        case 1: size = least + random.below(most - least + 1)
        default: size = content.count
        }
        rebuild(size: size) { _, sector, current in
            let states = sector.states.map(\.bytes) + [current]
            let first = states[random.below(states.count)]
            let rest = random.below(4) == 0 ? states[random.below(states.count)] : first
            return Self.joined(first, rest, random.below(Self.sectorSize))
        }
    }

    /// Makes the content anew: every changed sector as `choose` says (its number, history and present state are
    /// handed in), those that a failed sync dropped as the disk has them, cut or filled with zeros to `size`.
    private mutating func rebuild(size: Int, _ choose: (Int, Sector, [UInt8]) -> [UInt8]) {
        var image = content
        let lastSector = sectors.keys.max().map { ($0 + 1) * Self.sectorSize } ?? 0
        let room = max(size, lastSector, image.count)
        image += [UInt8](repeating: 0, count: room - image.count)
        for number in sectors.keys.sorted() {
            guard let sector = sectors[number] else { continue }
            let from = number * Self.sectorSize
            let current = Array(image[from..<(from + Self.sectorSize)])
            let chosen = sector.isDropped ? sector.states[0].bytes : choose(number, sector, current)
            image.replaceSubrange(from..<(from + Self.sectorSize), with: Self.joined(chosen, [], chosen.count))
        }
        image.removeLast(image.count - size)
        content = image
    }

    /// The state of a sector after the change numbered `order`, or the nearest before that is remembered.
    private static func state(of sector: Sector, _ current: [UInt8], atMost order: Int) -> [UInt8] {
        if sector.lastOrder <= order { return current }
        return sector.states.last { $0.order <= order }?.bytes ?? sector.states[0].bytes
    }

    /// A whole sector: the first `cut` bytes of one state, then the other; what a state lacks is zero.
    private static func joined(_ first: [UInt8], _ rest: [UInt8], _ cut: Int) -> [UInt8] {
        (0..<sectorSize).map { offset in
            let source = offset < cut ? first : rest
            return offset < source.count ? source[offset] : 0
        }
    }
}
