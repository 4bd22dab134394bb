internal import ArgumentParser
internal import TokenCore

extension Console {
    /// Runs the work of a command: reports what it throws, and ends the process with the code that tells how it went.
    func ending(_ work: () throws(TokenReelError) -> ExitCode) throws {
        let code: ExitCode
        do throws(TokenReelError) {
            code = try work()
        } catch {
            report(error)
            throw error.exitCode
        }
        if code != .success { throw code }
    }
}
