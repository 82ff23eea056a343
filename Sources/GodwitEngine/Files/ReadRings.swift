internal import CLinuxIO

/// Rings for reads that go to the disk together: made when first wanted, kept for the next, as many as are in use at
/// once. None where the kernel has or allows no io_uring.
final class ReadRings: Sendable {
    static let shared = ReadRings()

    private static let depth: UInt32 = 64

    private struct Idle {
        var rings: [Ring] = []
        var isRefused = false
    }

    private let idle = Locked(Idle())

    /// Reads all pieces of files of this computer; false where that is impossible, and nothing was read.
    func read(_ pieces: inout [FilePiece]) -> Bool {
        guard pieces.allSatisfy({ $0.file is PosixFile }), let ring = take(), ring.read(&pieces) else { return false }
        idle.withLock { $0.rings.append(ring) }
        return true
    }

    private func take() -> Ring? {
        let (kept, isRefused) = idle.withLock { ($0.rings.popLast(), $0.isRefused) }
        if kept != nil || isRefused { return kept }
        let made = Ring(depth: Self.depth)
        if made == nil { idle.withLock { $0.isRefused = true } }
        return made
    }
}

/// One io_uring, used by one thread at a time.
@safe
private struct Ring: @unchecked Sendable {
    private let ring: OpaquePointer

    init?(depth: UInt32) {
        guard let ring = unsafe godwit_ring_open(depth) else { return nil }
        unsafe self.ring = unsafe ring
    }

    /// Reads pieces of files of this computer. False where the ring failed; it is gone then.
    func read(_ pieces: inout [FilePiece]) -> Bool {
        let count = pieces.count
        return unsafe withUnsafeTemporaryAllocation(of: godwit_read.self, capacity: count) { reads in
            for (index, piece) in pieces.enumerated() {
                guard let file = piece.file as? PosixFile else { return false }
                unsafe reads.initializeElement(
                    at: index,
                    to: godwit_read(
                        descriptor: file.descriptor, length: UInt32(piece.buffer.count), offset: piece.offset,
                        buffer: piece.buffer.baseAddress, result: 0))
            }
            guard unsafe godwit_ring_read(ring, reads.baseAddress, UInt32(count)) == 0 else {
                unsafe godwit_ring_close(ring)
                return false
            }
            for index in pieces.indices { pieces[index].count = unsafe max(0, Int(reads[index].result)) }
            return true
        }
    }
}
