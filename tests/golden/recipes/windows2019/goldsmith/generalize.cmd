@echo off
rem Goldsmith: the last command in the guest, run by the guest agent. It ends in Sysprep's own power-off.
set CLOUDBASE=C:\Program Files\Cloudbase Solutions\Cloudbase-Init
set WINLOGON=HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon

> COM1 echo GOLDSMITH-PHASE cleaning up
rem Cloudbase-Init's service waits until Windows has set itself up, or the two would run into each other.
set STEP=SetSetupComplete.cmd
call "%CLOUDBASE%\bin\SetSetupComplete.cmd"
set CODE=%ERRORLEVEL%
if not "%CODE%"=="0" goto failed
set STEP=turning hibernation off
powercfg -h off
set CODE=1
if exist C:\hiberfil.sys goto failed

rem Nothing of the automatic logon stays. A value that is gone already makes reg fail, which is good.
set STEP=ending the automatic logon
reg add "%WINLOGON%" /v AutoAdminLogon /t REG_SZ /d 0 /f
set CODE=%ERRORLEVEL%
if not "%CODE%"=="0" goto failed
reg delete "%WINLOGON%" /v DefaultPassword /f
reg delete "%WINLOGON%" /v DefaultUserName /f
reg delete "%WINLOGON%" /v AutoLogonCount /f
rem The password of the build would open every instance of this image.
set STEP=locking the Administrator
net user Administrator /active:no
set CODE=%ERRORLEVEL%
if not "%CODE%"=="0" goto failed

rem What the answer files left, with the passwords in them.
if exist C:\Windows\Panther\unattend.xml del /f /q C:\Windows\Panther\unattend.xml
if exist C:\Windows\Panther\unattend-original.xml del /f /q C:\Windows\Panther\unattend-original.xml
if exist C:\Windows\Panther\Unattend rd /s /q C:\Windows\Panther\Unattend
if exist C:\Windows\System32\Sysprep\unattend.xml del /f /q C:\Windows\System32\Sysprep\unattend.xml
if exist C:\Windows\System32\Sysprep\Panther rd /s /q C:\Windows\System32\Sysprep\Panther
rem Windows copies its registry now and then; a copy may hold the password of the automatic logon.
if exist C:\Windows\System32\config\RegBack del /f /q C:\Windows\System32\config\RegBack\*
set STEP=removing the cached answer file
set CODE=1
if exist C:\Windows\Panther\unattend.xml goto failed
if exist C:\Windows\Panther\Unattend goto failed

rem What an instance must begin without, and what only takes room.
reg delete "HKLM\SOFTWARE\Cloudbase Solutions\Cloudbase-Init" /f
if exist "%CLOUDBASE%\log" del /f /q "%CLOUDBASE%\log\*"
net stop wuauserv
if exist C:\Windows\SoftwareDistribution\Download rd /s /q C:\Windows\SoftwareDistribution\Download
if exist C:\$WINDOWS.~BT rd /s /q C:\$WINDOWS.~BT
if exist C:\Windows\Temp rd /s /q C:\Windows\Temp
if not exist C:\Windows\Temp mkdir C:\Windows\Temp
del /f /q C:\goldsmith\*.log
if exist C:\goldsmith\update.ps1 del /f /q C:\goldsmith\update.ps1

> COM1 echo GOLDSMITH-PHASE generalizing
set STEP=Sysprep
cd /d "%CLOUDBASE%\conf"
C:\Windows\System32\Sysprep\sysprep.exe /generalize /oobe /shutdown /quiet /unattend:Unattend.xml
set CODE=%ERRORLEVEL%
if not "%CODE%"=="0" goto failed
exit /b 0

:failed
> COM1 echo GOLDSMITH-FAILED %STEP% exit %CODE%
exit /b 1
