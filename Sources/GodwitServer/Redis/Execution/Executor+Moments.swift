internal import GodwitEngine

/// The moment that a command reads at. On the primary nobody else writes while a command runs, so the newest is the same
/// for all its reads. Elsewhere replication writes, and where a commit was handed over, that: there a command that reads
/// more than once holds the moment at which it began, also while it waits for the disk.
extension Executor {
    /// Whether what is stored may change while a command runs.
    @inline(__always)
    var mayChange: Bool { !isPrimary || isCommitting }

    /// A command that holds a moment runs again. Where nobody else writes any more it reads the newest like others, with
    /// what the turn has written and is at no moment yet.
    func takeUpMoment(_ client: Client) {
        if mayChange {
            moment = client.moment
        } else {
            client.moment = nil
            client.fetched?.forgetData()
        }
    }

    /// Has all further reads of the present command see one moment. Returns whether that begins here: what was read before
    /// is to be read again then.
    @discardableResult
    func holdMoment() throws(Interrupt) -> Bool {
        guard mayChange, moment == nil, let engine else { return false }
        do throws(EngineError) {
            moment = try engine.snapshot()
        } catch {
            throw .failed(Failures.text(error))
        }
        call.client.moment = moment
        // What was fetched is of other moments.
        call.client.fetched?.forgetData()
        return true
    }
}
