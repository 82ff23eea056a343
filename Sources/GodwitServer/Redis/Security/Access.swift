internal import GodwitNode
internal import NIOCore

/// Who may use the listener: the users, what was denied, the file they are kept in. Used on the event loop.
final class Access: @unchecked Sendable {
    /// Something that was denied.
    struct Entry {
        let reason: String
        let context: String
        let object: String
        let user: String
        /// How often it happened, and who it was the last time.
        var count = 1
        let client: String
        let at: Double
    }

    private(set) var users: [String: User] = [:]
    let defaultUser: User
    let file: String?
    private(set) var log: [Entry] = []
    private(set) var visiblePassword = ""
    /// Whether `default` must ask for a password: others reach the listener, and nobody has said that they may.
    private let isClosed: Bool

    /// The users of the settings: a password for `default`, or a file. The file counts where both speak of `default`.
    init(_ settings: RedisSettings) throws(NodeError) {
        defaultUser = User.makeDefault()
        users["default"] = defaultUser
        file = settings.aclFile
        isClosed = !settings.address.isLoopback && !settings.isInsecure
        if let password = settings.password { setPassword(password) }
        guard let file else {
            if isOpen, isClosed { throw NodeError(.invalidArgument, "\(settings.address): \(Self.openText)") }
            return
        }
        do throws(AccessFile.Problem) {
            try load(AccessFile.read(file))
        } catch {
            throw NodeError(.invalidArgument, "the file of Redis users: \(error.text)")
        }
    }

    private static let openText =
        "others can reach the listener, and the user `default` needs no password: give it one, switch it off, or say "
        + "--insecure"

    /// Whether somebody can do something without saying who they are.
    private var isOpen: Bool { initialUser != nil }

    /// Who a client is before it has said so.
    var initialUser: User? { defaultUser.isOpen ? defaultUser : nil }

    func user(_ name: String) -> User? { users[name] }

    /// The user of a name, if the password opens it.
    func logIn(_ name: String, _ password: [UInt8]) -> User? {
        guard let user = users[name], user.opens(password) else { return nil }
        return user
    }

    /// Sets the password of `default`; an empty one takes it away.
    func setPassword(_ password: String) {
        visiblePassword = password
        defaultUser.setPassword(password)
    }

    /// Why `default` cannot have a password, or none; nil where it can.
    func refusal(ofPassword password: String) -> String? {
        let user = defaultUser.copy()
        user.setPassword(password)
        return refusal(of: user)
    }

    /// Why a user cannot be what it is to become; nil where it can: `default` is who everybody is before logging in.
    func refusal(of user: User) -> String? {
        user.name == defaultUser.name && user.isOpen && isClosed ? Self.openText : nil
    }

    /// Adds or replaces a user.
    func set(_ user: User) {
        if let present = users[user.name] { present.take(user) } else { users[user.name] = user }
    }

    /// Removes a user; returns whether there was one.
    func remove(_ name: String) -> User? { users.removeValue(forKey: name) }

    /// All users by name.
    var sorted: [User] { users.keys.sorted().compactMap { users[$0] } }

    // MARK: The file

    /// Takes the users that the content of the file names: all of them, or none. Where it does not name `default`, that is
    /// who it is without a file: may do everything, by the password that was set.
    func load(_ content: [UInt8]) throws(AccessFile.Problem) {
        guard let file else { return }
        let found = try AccessFile.users(in: content, of: file)
        let present = found["default"] ?? User.makeDefault()
        if found["default"] == nil, !visiblePassword.isEmpty { present.setPassword(visiblePassword) }
        if let refusal = refusal(of: present) { throw AccessFile.Problem(text: "\(file): \(refusal)") }
        for name in users.keys where name != "default" && found[name] == nil { users[name] = nil }
        defaultUser.take(present)
        for user in found.values where user.name != "default" { set(user) }
    }

    // MARK: The log

    private static let logLimit = 128

    /// Notes that a command was denied.
    func note(_ denial: User.Denial, _ client: Client, inTransaction: Bool) {
        let user = client.user?.name ?? defaultUser.name
        switch denial {
        case .command(let name): note("command", inTransaction, name, user, client)
        case .key(let key): note("key", inTransaction, key, user, client)
        }
    }

    /// Notes that somebody could not log in by the present command.
    func noteFailedLogin(_ name: String, _ call: Call) {
        note("auth", call.executor.isInTransaction, call[0].text, name, call.client)
    }

    /// What happens again within a minute is noted with what came before, as of now.
    private func note(_ reason: String, _ inTransaction: Bool, _ object: String, _ user: String, _ client: Client) {
        let time = Wall.now
        var entry = Entry(
            reason: reason, context: inTransaction ? "multi" : "toplevel", object: object, user: user,
            client: client.line(.now()), at: Double(time.seconds) + Double(time.microseconds) / 1e6)
        if let index = log.prefix(10).firstIndex(where: {
            $0.reason == reason && $0.context == entry.context && $0.object == object && $0.user == user
                && entry.at - $0.at <= 60
        }) {
            entry.count += log.remove(at: index).count
        }
        log.insert(entry, at: 0)
        if log.count > Self.logLimit { log.removeLast() }
    }

    func forgetLog() { log.removeAll() }
}
