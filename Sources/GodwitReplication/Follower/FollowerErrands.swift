internal import GodwitEngine

/// What a follower does over its link beside following: it has saved tails classified, answers a verification, and has
/// what belongs in damaged tables sent to it.
final class FollowerErrands {
    private static let tailInterval: UInt64 = 30_000_000_000
    /// How often damage is looked for, and how long a leader that cannot help is left alone.
    private static let mendInterval: UInt64 = 1_000_000_000
    private static let mendPause: UInt64 = 30_000_000_000
    /// How often it is tried to put a table in its place.
    private static let installInterval: UInt64 = 50_000_000

    private unowned let core: ReplicaCore
    private var tail: TailSender?
    private var nextTail: UInt64 = 0
    private var digest: DigestResponder?
    private var fetch: TableFetch?
    private var fetches: UInt64 = 0
    private var nextMend: UInt64 = 0

    init(_ core: ReplicaCore) { self.core = core }

    /// The link ended, or the history here may change: nothing of it goes on.
    func stop() {
        tail = nil
        digest = nil
        fetch = nil
    }

    /// Does what is due over a link that streams; returns when there is more.
    func poll(_ link: Link, now: UInt64) -> UInt64 {
        offerTail(link, now: now)
        mend(link, now: now)
        return min(nextMend, nextLook(now: now))
    }

    /// When there is more to do about tails.
    private func nextLook(now: UInt64) -> UInt64 {
        guard let tail else { return max(nextTail, now + 1) }
        return tail.isKnown ? .max : now
    }

    // MARK: Tails

    /// A link streams: a tail may be offered at once.
    func began(now: UInt64) { nextTail = now }

    /// The leader does not want the tail that was offered.
    func cancelTail() { tail = nil }

    private func offerTail(_ link: Link, now: UInt64) {
        if tail == nil {
            guard now >= nextTail else { return }
            nextTail = now + Self.tailInterval
            tail = core.attempt("read a saved tail") { () throws(EngineError) in try TailSender.next(core) } ?? nil
        }
        guard let tail, !tail.isKnown else { return }
        guard core.attempt("read a saved tail", { () throws(EngineError) in try tail.look(core) }) != nil else {
            self.tail = nil
            return
        }
        if tail.isKnown { core.send(.tailOffer(tail.header), on: link) }
    }

    /// The leader wants more of the tail.
    func sendTail(_ link: Link) throws(EngineError) { try tail?.sendNext(over: link, core) }

    /// The leader says what became of the tail.
    func reported(_ verdicts: TailVerdicts, now: UInt64) throws(EngineError) {
        guard let tail, let report = try tail.reported(verdicts, core) else { return }
        self.tail = nil
        nextTail = now
        core.add(report)
    }

    // MARK: Digests

    /// The leader verifies.
    func digest(_ request: DigestRequest, _ link: Link) {
        guard let engine = core.engine else { return }
        if case .begin = request.task { digest = DigestResponder(request.id, engine) }
        guard let digest, digest.id == request.id else { return }
        if let reply = digest.answer(request.task) {
            core.send(.digestReply(DigestReply(id: request.id, result: reply)), on: link)
        } else {
            self.digest = nil
        }
    }

    // MARK: Damaged tables

    private func mend(_ link: Link, now: UInt64) {
        guard now >= nextMend, let engine = core.engine else { return }
        if let fetch {
            install(fetch, now: now)
        } else {
            nextMend = now + Self.mendInterval
            guard let table = engine.damagedTables.first else { return }
            fetches += 1
            fetch = TableFetch(fetches, table, engine)
            ask(link)
        }
    }

    private func ask(_ link: Link) {
        guard let fetch, let range = fetch.request else { return }
        core.send(.rangeRequest(id: fetch.id, range), on: link)
    }

    private func install(_ fetch: TableFetch, now: UInt64) {
        nextMend = now + Self.installInterval
        guard fetch.request == nil else { return }
        do throws(EngineError) {
            guard try fetch.install() else { return }
            core.tell(.mended(file: fetch.table.file, keys: fetch.keys))
            self.fetch = nil
        } catch {
            giveUp("put what came in the place of \(fetch.table.file)", error, now: now)
        }
    }

    /// The leader sends a piece of what was asked for, or nil when it cannot.
    func take(_ id: UInt64, _ piece: RangePiece?, _ link: Link, now: UInt64) {
        guard let fetch, fetch.id == id, fetch.request != nil else { return }
        do throws(EngineError) {
            guard let piece else {
                throw EngineError(.unavailable, "the leader cannot send its keys; it is asked again in a while")
            }
            try fetch.take(piece)
            ask(link)
        } catch {
            giveUp("mend \(fetch.table.file)", error, now: now)
        }
    }

    private func giveUp(_ what: String, _ error: EngineError, now: UInt64) {
        core.failed(what, error)
        fetch = nil
        nextMend = now + Self.mendPause
    }
}
