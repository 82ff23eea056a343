import Foundation
import Logging
import Testing

@testable import GodwitNode

/// Files that are read anew when they change.
@Suite struct WatchedFilesTests {
    private let scratch = Scratch()

    @Test("a file behind a link is read anew when the link leads elsewhere, and when it is replaced within a second")
    func links() throws {
        let manager = FileManager.default
        let (link, first, second) = (scratch.path + "/link", scratch.path + "/first", scratch.path + "/second")
        let date = Date(timeIntervalSince1970: 1_000_000)
        func write(_ text: String, to path: String) throws {
            try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
            try manager.setAttributes([.modificationDate: date], ofItemAtPath: path)
        }
        try write("1", to: first)
        try write("2", to: second)
        try manager.createSymbolicLink(atPath: link, withDestinationPath: first)
        let path = link
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let files = try WatchedFiles("test", paths: [link], logger: logger) {
            try String(contentsOfFile: path, encoding: .utf8)
        }
        #expect(files.current == "1")
        // The file behind it is another one.
        try write("3", to: first)
        files.refresh()
        #expect(files.current == "3")
        // It has other content of another length.
        try Data("44".utf8).write(to: URL(filePath: first))
        try manager.setAttributes([.modificationDate: date], ofItemAtPath: first)
        files.refresh()
        #expect(files.current == "44")
        // The link leads to another, as where a directory of secrets is exchanged.
        let fresh = scratch.path + "/fresh"
        try manager.createSymbolicLink(atPath: fresh, withDestinationPath: second)
        try manager.removeItem(atPath: link)
        try manager.moveItem(atPath: fresh, toPath: link)
        files.refresh()
        #expect(files.current == "2")
    }
}
