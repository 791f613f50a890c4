# Goldsmith: one round of Windows Update.
# Exit codes: 0 nothing was left to install, 3010 something was installed (restart, then run it again), 1 failed.
$ErrorActionPreference = 'Stop'
try {
    $session = New-Object -ComObject Microsoft.Update.Session
    $searcher = $session.CreateUpdateSearcher()
    $found = $searcher.Search("IsInstalled=0 and IsHidden=0 and Type='Software'").Updates
    $wanted = New-Object -ComObject Microsoft.Update.UpdateColl
    foreach ($update in $found) {
        # One that asks questions would wait for ever.
        if ($update.InstallationBehavior.CanRequestUserInput) { continue }
        if (-not $update.EulaAccepted) { $update.AcceptEula() }
        [void]$wanted.Add($update)
        Write-Output "update: $($update.Title)"
    }
    if ($wanted.Count -eq 0) {
        Write-Output 'updates: none left'
        exit 0
    }
    $downloader = $session.CreateUpdateDownloader()
    $downloader.Updates = $wanted
    $downloaded = $downloader.Download()
    # OperationResultCode: 2 succeeded, 3 succeeded with errors.
    if ($downloaded.ResultCode -ne 2 -and $downloaded.ResultCode -ne 3) {
        Write-Error ('the download failed: 0x{0:X8}' -f $downloaded.HResult)
    }
    $installer = $session.CreateUpdateInstaller()
    $installer.Updates = $wanted
    $installed = $installer.Install()
    if ($installed.ResultCode -ne 2 -and $installed.ResultCode -ne 3) {
        Write-Error ('the installation failed: 0x{0:X8}' -f $installed.HResult)
    }
    Write-Output "updates: $($wanted.Count) installed"
    exit 3010
} catch {
    [Console]::Error.WriteLine($_.Exception.Message)
    exit 1
}
