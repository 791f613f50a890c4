@echo off
rem Goldsmith: run once, at the first logon of the build. What it has to say goes to COM1, one line each.
rem Exit codes of installers: 0 is good, 3010 good once Windows has been restarted.

set STEP=finding the media
if exist D:\goldsmith\build.cmd set ANSWERS=D:\goldsmith
if exist E:\goldsmith\build.cmd set ANSWERS=E:\goldsmith
if exist F:\goldsmith\build.cmd set ANSWERS=F:\goldsmith
if exist G:\goldsmith\build.cmd set ANSWERS=G:\goldsmith
if exist H:\goldsmith\build.cmd set ANSWERS=H:\goldsmith
if exist I:\goldsmith\build.cmd set ANSWERS=I:\goldsmith
if exist D:\viostor\2k12R2\amd64\viostor.inf set DRIVERS=D:
if exist E:\viostor\2k12R2\amd64\viostor.inf set DRIVERS=E:
if exist F:\viostor\2k12R2\amd64\viostor.inf set DRIVERS=F:
if exist G:\viostor\2k12R2\amd64\viostor.inf set DRIVERS=G:
if exist H:\viostor\2k12R2\amd64\viostor.inf set DRIVERS=H:
if exist I:\viostor\2k12R2\amd64\viostor.inf set DRIVERS=I:
set CODE=2
if "%ANSWERS%"=="" goto failed
if "%DRIVERS%"=="" goto failed

> COM1 echo GOLDSMITH-PHASE preparing
set STEP=copying the scripts
if not exist C:\goldsmith mkdir C:\goldsmith
copy /y %ANSWERS%\generalize.cmd C:\goldsmith\generalize.cmd
set CODE=%ERRORLEVEL%
if not "%CODE%"=="0" goto failed
copy /y %ANSWERS%\update.ps1 C:\goldsmith\update.ps1
set CODE=%ERRORLEVEL%
if not "%CODE%"=="0" goto failed

set STEP=importing the certificate of the drivers
if not exist %DRIVERS%\cert\Virtio_Win_Red_Hat_CA.cer goto drivers
certutil -f -addstore TrustedPublisher %DRIVERS%\cert\Virtio_Win_Red_Hat_CA.cer
set CODE=%ERRORLEVEL%
if not "%CODE%"=="0" goto failed

:drivers
> COM1 echo GOLDSMITH-PHASE installing drivers
rem pnputil says 259 where no device wants the driver, or has the same one already.
set STEP=adding the driver viostor
pnputil -i -a %DRIVERS%\viostor\2k12R2\amd64\viostor.inf
set CODE=%ERRORLEVEL%
if not "%CODE%"=="0" if not "%CODE%"=="259" if not "%CODE%"=="3010" goto failed
set STEP=adding the driver vioscsi
pnputil -i -a %DRIVERS%\vioscsi\2k12R2\amd64\vioscsi.inf
set CODE=%ERRORLEVEL%
if not "%CODE%"=="0" if not "%CODE%"=="259" if not "%CODE%"=="3010" goto failed
set STEP=adding the driver NetKVM
pnputil -i -a %DRIVERS%\NetKVM\2k12R2\amd64\netkvm.inf
set CODE=%ERRORLEVEL%
if not "%CODE%"=="0" if not "%CODE%"=="259" if not "%CODE%"=="3010" goto failed
set STEP=adding the driver Balloon
pnputil -i -a %DRIVERS%\Balloon\2k12R2\amd64\balloon.inf
set CODE=%ERRORLEVEL%
if not "%CODE%"=="0" if not "%CODE%"=="259" if not "%CODE%"=="3010" goto failed
set STEP=adding the driver vioserial
pnputil -i -a %DRIVERS%\vioserial\2k12R2\amd64\vioser.inf
set CODE=%ERRORLEVEL%
if not "%CODE%"=="0" if not "%CODE%"=="259" if not "%CODE%"=="3010" goto failed
set STEP=adding the driver viorng
pnputil -i -a %DRIVERS%\viorng\2k12R2\amd64\viorng.inf
set CODE=%ERRORLEVEL%
if not "%CODE%"=="0" if not "%CODE%"=="259" if not "%CODE%"=="3010" goto failed
set STEP=adding the driver pvpanic
pnputil -i -a %DRIVERS%\pvpanic\2k12R2\amd64\pvpanic.inf
set CODE=%ERRORLEVEL%
if not "%CODE%"=="0" if not "%CODE%"=="259" if not "%CODE%"=="3010" goto failed

rem The image must start from a virtio-blk and from a virtio-scsi disk, whichever of them it was built on.
set STEP=making viostor start with the kernel
sc config viostor start= boot
set CODE=%ERRORLEVEL%
if not "%CODE%"=="0" goto failed
set STEP=making vioscsi start with the kernel
sc config vioscsi start= boot
set CODE=%ERRORLEVEL%
if not "%CODE%"=="0" goto failed

> COM1 echo GOLDSMITH-PHASE installing the guest agent
set STEP=installing the guest agent
start /wait msiexec /i %ANSWERS%\qemu-ga.msi /qn /norestart /l*v C:\goldsmith\qemu-ga.log
set CODE=%ERRORLEVEL%
if not "%CODE%"=="0" if not "%CODE%"=="3010" goto failed
set STEP=making the guest agent start by itself
sc config QEMU-GA start= auto
set CODE=%ERRORLEVEL%
if not "%CODE%"=="0" goto failed

> COM1 echo GOLDSMITH-PHASE installing Cloudbase-Init
set STEP=installing Cloudbase-Init
start /wait msiexec /i %ANSWERS%\CloudbaseInitSetup.msi /qn /norestart /l*v C:\goldsmith\cloudbase-init.log USERNAME=Admin LOGGINGSERIALPORTNAME=COM1 RUN_SERVICE_AS_LOCAL_SYSTEM=1
set CODE=%ERRORLEVEL%
if not "%CODE%"=="0" if not "%CODE%"=="3010" goto failed
rem Not during the build: it would take the build machine for an instance.
set STEP=keeping Cloudbase-Init from starting
sc config cloudbase-init start= demand
set CODE=%ERRORLEVEL%
if not "%CODE%"=="0" goto failed
set STEP=configuring Cloudbase-Init
set CONF=C:\Program Files\Cloudbase Solutions\Cloudbase-Init\conf
copy /y %ANSWERS%\cloudbase-init.conf "%CONF%\cloudbase-init.conf"
set CODE=%ERRORLEVEL%
if not "%CODE%"=="0" goto failed
copy /y %ANSWERS%\cloudbase-init-unattend.conf "%CONF%\cloudbase-init-unattend.conf"
set CODE=%ERRORLEVEL%
if not "%CODE%"=="0" goto failed
copy /y %ANSWERS%\Unattend.xml "%CONF%\Unattend.xml"
set CODE=%ERRORLEVEL%
if not "%CODE%"=="0" goto failed

> COM1 echo GOLDSMITH-PHASE settings
rem Hibernation would leave the file system half written; some machines have none to turn off.
set STEP=turning hibernation off
powercfg -h off
set CODE=1
if exist C:\hiberfil.sys goto failed
powercfg -change -standby-timeout-ac 0
set STEP=ending the automatic logon
set WINLOGON=HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon
reg add "%WINLOGON%" /v AutoAdminLogon /t REG_SZ /d 0 /f
set CODE=%ERRORLEVEL%
if not "%CODE%"=="0" goto failed
reg delete "%WINLOGON%" /v DefaultPassword /f
reg delete "%WINLOGON%" /v AutoLogonCount /f

> C:\goldsmith\install-ok echo GOLDSMITH-INSTALL-OK
> COM1 echo GOLDSMITH-INSTALL-OK
shutdown /s /t 0
exit /b 0

:failed
> COM1 echo GOLDSMITH-FAILED %STEP% exit %CODE%
shutdown /s /t 0
exit /b 1
